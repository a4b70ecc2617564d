#!/usr/bin/env bash
# Sells and buys over two lnds on a chain of their own; docs/interop.md says what was observed.
# Needs Rust and Go (1.24.11 or newer). What Go builds stays in target/interop/bin until its pins
# or Go itself change.
set -euo pipefail
cd "$(dirname "$0")/../.."
modules="$PWD/tests/interop/lnd/go"
bin="$PWD/target/interop/bin"
mkdir -p "$bin"

for module in btcd lnd; do
    stamp="$bin/$module.stamp"
    pins=$(go version && cat "$modules/$module/go.mod" "$modules/$module/go.sum" | sha256sum)
    if [ ! -x "$bin/$module" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$pins" ]; then
        echo "building $module"
        (cd "$modules/$module" && CGO_ENABLED=0 GOBIN="$bin" go install -mod=readonly tool)
        printf '%s\n' "$pins" >"$stamp"
        echo "built $module (${SECONDS}s)"
    fi
done

cargo build --locked -p l402-cli
cargo test --locked -p l402-interop --features interop -- --test-threads=1
