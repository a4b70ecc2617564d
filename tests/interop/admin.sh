#!/usr/bin/env bash
# Schemathesis asks the admin API of a running gateway all that its document allows, and much that it does not; and
# nothing is answered without the token. Needs Rust and Python 3 (3.10 or newer), and installs nothing into the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-cli --bin l402
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/admin/requirements.txt
python3 -B tests/interop/admin/check.py "$PWD/target/debug/l402" "$work"
