#!/usr/bin/env bash
# Tests of large counts, which CI runs with small ones: `tests/long.sh NAME [COUNT]`.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1-}" in
exchanges)
    # Hostile sellers and wallets against the client, and some of them against the program.
    export L402_EXCHANGES="${2:-5000}" L402_SEED="${L402_SEED:-$RANDOM}"
    cargo test --locked -p l402-client --test it exchanges -- --nocapture
    export L402_EXCHANGES="$((L402_EXCHANGES / 20 + 1))"
    cargo test --locked -p l402-cli --test it exchanges -- --nocapture
    ;;
*)
    echo "usage: tests/long.sh exchanges [COUNT]" >&2
    exit 64
    ;;
esac
