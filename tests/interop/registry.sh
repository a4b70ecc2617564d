#!/usr/bin/env bash
# Schemathesis asks the API of a registry all that its document allows, and much that it does not.
# Needs Rust and Python 3 (3.10 or newer), and installs nothing into the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-registry --example registry
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/registry/requirements.txt
python3 -B tests/interop/registry/check.py "$PWD/target/debug/examples/registry" "$work"
