#!/usr/bin/env bash
# Headless Chromium looks at the registry's pages: axe-core on each in two sizes, light and dark, the console,
# what strangers' texts become, and everything without script. With --pictures it makes the pictures of
# docs/images/registry instead. Needs Rust, Python 3, and Node (22 or newer) with npm, and installs nothing
# into the tree. CHROMIUM names a browser that is installed, which has the fonts of the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-registry --example registry_page
. tests/interop/browser/prepare.sh tests/interop/registry_page
program="$PWD/target/debug/examples/registry_page"
if [ "${1:-}" = --pictures ]; then
    mkdir -p docs/images/registry
    node "$work/browser/check.js" "$program" --pictures docs/images/registry
    if command -v pngquant >/dev/null; then
        pngquant --force --ext .png --skip-if-larger --strip docs/images/registry/*.png
    fi
else
    node "$work/browser/check.js" "$program"
fi
