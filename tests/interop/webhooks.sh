#!/usr/bin/env bash
# What the gateway sends is verified by the library of Standard Webhooks for Python, and by the receiver
# of docs/webhooks.md. Needs Rust and Python 3, and installs nothing into the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-cli --bin l402
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export L402_HOME="$work/home"
mkdir -m 700 "$L402_HOME"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/webhooks/requirements.txt
"$work/venv/bin/python" -B tests/interop/webhooks/check.py "$PWD/target/debug/l402" "$work"
echo "webhooks are as others read them (${SECONDS}s)"
