#!/usr/bin/env bash
# A day of a gateway with everything on (crates/l402-cli/tests/day), with the dashboard open in headless Chromium all
# day. Needs Rust, and Node (22 or newer) with npm, and installs nothing into the tree. CHROMIUM names a browser
# that is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The browser unpacks itself there.
export TMPDIR="$work/tmp"
mkdir "$work/tmp"
cp -r tests/interop/dashboard "$work/browser"
(cd "$work/browser" && npm ci --silent --no-audit --no-fund --ignore-scripts)
export L402_DAY_BROWSER="$work/browser/day.js"
cargo test --locked --workspace --test day -- --nocapture
