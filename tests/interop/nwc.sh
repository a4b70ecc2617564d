#!/usr/bin/env bash
# Nostr Wallet Connect with what others wrote: Alby's client, fetch402 and wallet service, against
# `l402 sandbox --nwc` and against the backend nwc. docs/wallets/sandbox.md has the wallet.
# Needs Rust and Node (20 or newer) with npm, and installs nothing into the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-cli --bin l402
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r tests/interop/nwc "$work/nwc"
(cd "$work/nwc" && npm ci --silent --no-audit --no-fund --ignore-scripts)
node "$work/nwc/check.js" "$PWD/target/debug/l402" "$work"
