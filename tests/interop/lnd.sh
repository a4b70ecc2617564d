#!/usr/bin/env bash
# Sells and buys over two lnds on a chain of their own, and buys from Aperture; docs/interop.md says
# what was observed. Needs Rust and Go (1.26 or newer).
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/interop/build.sh
cargo build --locked -p l402-cli
cargo test --locked -p l402-interop --features interop -- --test-threads=1
