#!/usr/bin/env bash
# A day of a gateway with everything on (crates/l402-cli/tests/day), with the dashboard open in headless Chromium all
# day. Needs Rust, and Node (22 or newer) with npm, and installs nothing into the tree. CHROMIUM names a browser
# that is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/interop/browser/prepare.sh tests/interop/dashboard
export L402_DAY_BROWSER="$work/browser/day.js"
cargo test --locked --workspace --test day -- --nocapture
