#!/usr/bin/env bash
# Runs a generator of tests for longer than CI does: `tests/long.sh NAME [COUNT]`. The code is the
# same. The seed is L402_SEED, 402 by default; each run prints it with its counts.
set -euo pipefail
cd "$(dirname "$0")/.."
export L402_SEED="${L402_SEED:-402}"

case "${1-}" in
agents)
    # `l402 mcp` in the hands of a model gone astray: every tool, wild values, texts that give orders.
    export L402_CALLS="${2:-5000}"
    cargo test --locked -p l402-cli --test it mcp_hostile -- --nocapture
    ;;
exchanges)
    # Hostile sellers and wallets against the client, and some of them against the program.
    export L402_EXCHANGES="${2:-5000}"
    cargo test --locked -p l402-client --test it exchanges -- --nocapture
    export L402_EXCHANGES="$((L402_EXCHANGES / 20 + 1))"
    cargo test --locked -p l402-cli --test it exchanges -- --nocapture
    ;;
hostile)
    # Services that harm those who ask them, against the prober of the registry.
    export L402_HOSTILE="${2:-500}"
    cargo test --locked -p l402-registry --test it hostile:: -- --nocapture
    ;;
targets)
    # Request targets against the gateway before upstreams of many kinds.
    export L402_TARGETS="${2:-100000}"
    cargo test --locked -p l402-tests --test targets -- --nocapture
    tests/interop/targets.sh
    ;;
journal)
    # `l402 get` with a kept token beside curl, from journals of 1, 10,000 and so many rows; and large
    # bodies both ways.
    cargo build --locked --profile dist -p l402-cli
    cargo build --locked --profile dist -p l402-bench
    target/dist/l402-bench client --rows "1,10000,${2:-1000000}"
    ;;
registry)
    # A registry of so many listings: import, search, memory, size of the file. Prints its tables.
    export L402_REGISTRY_LISTINGS="${2:-100000}"
    cargo test --locked --release -p l402-registry --test it store_bench -- --nocapture
    ;;
ledgers)
    # Three ledgers on one PostgreSQL against a model, for so many steps.
    export L402_LEDGER_STEPS="${2:-50000}"
    cargo test --locked -p l402-server --test it several_ledgers_grant -- --nocapture
    ;;
scale)
    # Four gateways on one PostgreSQL: 10,000 tokens shown 100 times each, and so many kills under load.
    export L402_SCALE_TOKENS=10000 L402_SCALE_CYCLES="${2:-200}"
    cargo test --locked -p l402-cli --features postgres --test scale database -- --nocapture
    ;;
day)
    # A gateway with everything on, for so many requests, while its operator changes things and node and
    # upstreams fail. Prints its counts.
    export L402_DAY_REQUESTS="${2:-200000}"
    cargo test --locked -p l402-cli --test day -- --nocapture
    ;;
revoked)
    # A million revocations: bytes each, and the time of a paid request's decision with and without them.
    cargo run --locked --release -p l402-server --example revoked_cost
    ;;
reloads)
    # So many reloads under paid load with 100 open streams, and what they add to the time of an answer.
    export L402_RELOADS="${2:-1000}" L402_RELOAD_STREAMS=100
    cargo test --locked -p l402-cli --test upgrade reloads:: -- --nocapture
    ;;
upgrades)
    # So many upgrades under paid load, and twice as many that are killed.
    export L402_UPGRADES="${2:-50}" L402_UPGRADE_KILLS="$((${2:-50} * 2))"
    cargo test --locked -p l402-cli --test upgrade upgrades:: -- --nocapture
    ;;
lnd-0.21)
    # The tests against lnd, with the version after the one that CI runs.
    tests/interop/build.sh btcd aperture lnd-0.21
    cargo build --locked -p l402-cli
    export L402_INTEROP_LND=lnd-0.21/lnd
    cargo test --locked -p l402-interop --features interop -- --test-threads=1
    ;;
*)
    echo "usage: tests/long.sh agents|exchanges|hostile|targets|journal|registry|ledgers|scale|day|reloads|upgrades [COUNT], or tests/long.sh lnd-0.21|revoked" >&2
    exit 64
    ;;
esac
