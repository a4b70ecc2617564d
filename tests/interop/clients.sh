#!/usr/bin/env bash
# Clients that others wrote buy from our gateway over the sandbox; docs/interop.md has the table.
# Needs Rust, Python 3 and Node with npm, and installs nothing into the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --locked --quiet -p l402-cli
l402="$PWD/target/debug/l402"
clients="$PWD/tests/interop/clients"
work=$(mktemp -d)
export L402_HOME="$work/home"
demo=
finish() {
    [ -z "$demo" ] || kill "$demo" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

python3 -B "$clients/early_answers.py" "$l402"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    -r "$clients/l402-requests/requirements.txt"
cp -r "$clients/lightning-tools" "$work/lightning-tools"
(cd "$work/lightning-tools" && npm ci --silent --no-audit --no-fund --ignore-scripts)

"$l402" demo --listen 127.0.0.1:0 --json >"$work/demo" 2>"$work/demo.log" &
demo=$!
for _ in $(seq 600); do
    grep -q '"sandbox_api"' "$work/demo" && break
    kill -0 "$demo" 2>/dev/null || break
    sleep 0.1
done
field() { # KEY: its value in the demo's report, or the first of its values
    python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))[sys.argv[2]]
print(value[0] if isinstance(value, list) else value)' "$work/demo" "$1"
}
if ! gateway=$(field listening) || ! sandbox=$(field sandbox_api); then
    echo "the demo did not start:"
    cat "$work/demo.log"
    exit 1
fi
python3 -B "$clients/check.py" "$gateway" "$sandbox" "$work/lightning-tools" "$work/venv/bin/python"
