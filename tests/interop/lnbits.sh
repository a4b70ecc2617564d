#!/usr/bin/env bash
# Sells and buys with a real LNbits server, which has play money (its FakeWallet) and listens on
# loopback: the contract of backends, `l402 serve` and `l402 get` with a wallet each, and a stranger who
# knows the preimage of an invoice that nobody has paid. tests/interop/lnbits/check.py has the steps.
#
# Needs Rust and Python 3.10 to 3.12. LNbits stays in target/interop/lnbits until its pins change.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv="$PWD/target/interop/lnbits"
pins=$(python3 --version && cat tests/interop/lnbits/requirements.txt)
if [ "$(cat "$venv/pins" 2>/dev/null)" != "$pins" ]; then
    echo "installing LNbits"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        -r tests/interop/lnbits/requirements.txt
    printf '%s\n' "$pins" >"$venv/pins"
    echo "installed LNbits (${SECONDS}s)"
fi
cargo build --locked --quiet -p l402-cli
cargo test --locked --quiet -p l402-lightning --test it --no-run
exec "$venv/bin/python" -B tests/interop/lnbits/check.py target/debug/l402
