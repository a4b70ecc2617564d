#!/usr/bin/env bash
# Runs a generator of tests for longer than CI does: long.sh NAME [COUNT]. The code is the same; the
# seed is L402_SEED, 402 by default.
set -euo pipefail
cd "$(dirname "$0")/.."

name="${1:-}"
case "$name" in
targets)
    export L402_TARGETS="${2:-100000}"
    cargo test --locked -p l402-tests --test targets -- --nocapture
    tests/interop/targets.sh
    ;;
*)
    echo "usage: tests/long.sh targets [COUNT]" >&2
    exit 64
    ;;
esac
