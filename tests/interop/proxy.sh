#!/usr/bin/env bash
# Programs that know nothing of payments buy through `l402 proxy` over the sandbox: OpenAI's Python
# client, git, and headless Chromium; docs/interop.md has the table. Needs Rust, Python 3, git, and Node
# (20 or newer) with npm, and installs nothing into the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-cli --bin l402
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export L402_HOME="$work/home"
# The browser unpacks itself there.
export TMPDIR="$work/tmp"
mkdir "$work/tmp"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/proxy/requirements.txt &
pip=$!
cp -r tests/interop/proxy "$work/browser"
(cd "$work/browser" && npm ci --silent --no-audit --no-fund --ignore-scripts)
wait "$pip"
python3 -B tests/interop/proxy/check.py "$PWD/target/debug/l402" "$work" "$work/venv/bin/python"
