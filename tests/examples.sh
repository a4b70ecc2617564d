#!/usr/bin/env bash
# Runs the examples that people copy against a real demo: Python, Node, axum, reqwest, hyper and tonic.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --quiet -p l402-cli -p l402-example-axum -p l402-example-rust
l402="$PWD/target/debug/l402"
work=$(mktemp -d)
export L402_HOME="$work/home"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

passed=0
failed=0
check() { # NAME EXPECTED-TEXT COMMAND...
    local name=$1 expected=$2
    shift 2
    if output=$("$@" 2>"$work/errors") && grep -q -- "$expected" <<<"$output"; then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        echo "FAILED: $name: wanted '$expected', got: ${output:-nothing}"
        cat "$work/errors"
    fi
}
# Waits until a file has a line that matches, or the process is gone.
await() { # FILE PATTERN PID
    for _ in $(seq 600); do
        grep -q -- "$2" "$1" 2>/dev/null && return
        kill -0 "$3" 2>/dev/null || break
        sleep 0.1
    done
    echo "never saw '$2':"
    cat "$1"
    exit 1
}

"$l402" demo --listen 127.0.0.1:0 --json >"$work/demo" 2>"$work/demo.log" &
pids+=($!)
await "$work/demo" '"sandbox_api"' "${pids[-1]}"
field() { # KEY: its value in the demo's report, or the first of its values
    python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))[sys.argv[2]]
print(value[0] if isinstance(value, list) else value)' "$work/demo" "$1"
}
joke="http://$(field listening)/api/l402/joke"
export L402_SANDBOX
L402_SANDBOX="$(field sandbox_api)"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r examples/python/requirements.txt
check "python buys a joke" '"joke"' "$work/venv/bin/python" examples/python/l402_client.py "$joke"

cp -r examples/node "$work/node"
(cd "$work/node" && npm install --silent --no-audit --no-fund)
check "node buys a joke" '"joke"' node "$work/node/l402_client.js" "$joke"

target/debug/l402-example-axum 127.0.0.1:0 >"$work/axum" 2>"$work/axum.log" &
pids+=($!)
await "$work/axum" 'http://' "${pids[-1]}"
axum=$(grep -o 'http://[^ ]*' "$work/axum" | head -1)
check "axum asks for payment" '^402$' curl -s -o /dev/null -w '%{http_code}\n' "${axum%/}/joke"
check "axum sells a joke" 'joke' "$l402" get --wallet sandbox "${axum%/}/joke"

check "reqwest buys a joke" '^200 OK: .*joke' target/debug/middleware "$joke"
check "hyper buys a joke" '^200 OK: .*joke' target/debug/layer "$joke"

target/debug/grpc_jokes >"$work/jokes" 2>"$work/jokes.log" &
pids+=($!)
await "$work/jokes" '127.0.0.1:' "${pids[-1]}"
cat >"$work/jokes.toml" <<END
listen = ["127.0.0.1:0"]
[http]
h2c = true
[[route]]
path = "/jokes.Jokes/{method}"
upstream = "h2c://$(cat "$work/jokes")"
price = "7 sat"
grpc = true
END
"$l402" serve --config "$work/jokes.toml" --json >"$work/shop" 2>"$work/shop.log" &
pids+=($!)
await "$work/shop" '"listening"' "${pids[-1]}"
shop="http://$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["listening"][0])' "$work/shop")"
check "tonic buys one answer and a stream" 'joke 3 about gRPC' target/debug/grpc "$shop"
check "each call of tonic is paid and served" '"purchases": *2' \
    "$l402" payments --json --origin "$shop" --state served --totals

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
