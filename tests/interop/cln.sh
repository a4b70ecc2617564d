#!/usr/bin/env bash
# Core Lightning's own client for Python calls our double of Core Lightning, which the tests of the
# backend use; docs/interop.md has the table. Needs Rust and Python 3, and installs nothing outside
# target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
pins=tests/interop/cln/requirements.txt
# One environment for each set of pins, so that a second run installs nothing.
venv="target/interop/cln-$(cksum <"$pins" | cut -d ' ' -f 1)"
if [ ! -e "$venv/done" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$pins"
    touch "$venv/done"
fi
cargo build --locked --quiet -p l402-testkit --features cln --example cln_double
timeout 40 "$venv/bin/python" -B tests/interop/cln/check.py target/debug/examples/cln_double
