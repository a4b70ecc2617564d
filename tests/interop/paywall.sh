#!/usr/bin/env bash
# People in headless Chromium meet the paywall page of `l402 serve` with the sandbox, and pay: by WebLN, by the QR code
# (read off the screenshot by another process), and without script. Also expiry, faults, links from other sites, axe in
# every state, size and colour scheme, and where the preimage is. With --pictures it makes the pictures of
# docs/images/paywall instead. Needs Rust, Python 3, openssl, and Node (22 or newer) with npm, and installs nothing
# into the tree. CHROMIUM names a browser that is installed, which has the fonts of the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-cli --bin l402
. tests/interop/browser/prepare.sh tests/interop/paywall
export L402_HOME="$work/home"
mkdir -m 700 "$L402_HOME"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/paywall/requirements.txt
export PYTHON="$work/venv/bin/python"
program="$PWD/target/debug/l402"
if [ "${1:-}" = --pictures ]; then
    mkdir -p docs/images/paywall
    node "$work/browser/pictures.js" "$program" docs/images/paywall
    "$PYTHON" "$work/browser/shrink.py" docs/images/paywall/*.png
else
    node "$work/browser/check.js" "$program" "$@"
    echo "people can pay in a browser (${SECONDS}s)"
fi
