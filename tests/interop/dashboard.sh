#!/usr/bin/env bash
# Headless Chromium looks at the dashboard of a gateway: axe-core on each page in two sizes, light and dark, the
# console, what hostile texts become, the login, everything without script, and numbers that go on. With --pictures
# it makes the pictures of docs/images/dashboard instead. Needs Rust, and Node (22 or newer) with npm, and installs
# nothing into the tree. CHROMIUM names a browser that is installed, which has the fonts of the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet --workspace --example dashboard
. tests/interop/browser/prepare.sh tests/interop/dashboard
program="$PWD/target/debug/examples/dashboard"
if [ "${1:-}" = --pictures ]; then
    mkdir -p docs/images/dashboard
    node "$work/browser/check.js" "$program" --pictures docs/images/dashboard
else
    node "$work/browser/check.js" "$program"
    echo "the dashboard is sound in a browser (${SECONDS}s)"
fi
