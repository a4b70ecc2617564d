#!/usr/bin/env bash
# Clients of MCP that others wrote use `l402 mcp` over the sandbox, and raw messages beside them;
# docs/interop.md has the table. Needs Rust, Python 3 (3.10 or newer), and Node (20 or newer) with npm, and
# installs nothing into the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-cli --bin l402
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/mcp/requirements.txt &
pip=$!
cp -r tests/interop/mcp "$work/npm"
(cd "$work/npm" && npm ci --silent --no-audit --no-fund --ignore-scripts)
wait "$pip"
# Anthropic's program for bundles has its own lock, and validates and packs ours.
(cd "$work/npm/bundle" && npm ci --silent --no-audit --no-fund --ignore-scripts)
MCPB="$work/npm/bundle/node_modules/.bin/mcpb" \
    packaging/mcp/build.sh "$PWD/target/debug/l402" "$work/bundle"
python3 -B tests/interop/mcp/check.py "$PWD/target/debug/l402" "$work" "$work/venv/bin/python"
