#!/usr/bin/env bash
# Builds the program with the feature `sell` alone and shows that nothing in it can spend: the
# paths of the nodes' paying interfaces are in the full program and not in this one.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --quiet -p l402-cli --no-default-features --features sell --target-dir target/sell
cargo build --locked --quiet -p l402-cli

count() { grep -a -c -F -e "$2" "$1" || true; }
passed=0
failed=0
for trace in "/v2/router/send" "/v2/router/track" \
    "/payinvoice" "/payments/outgoingbyhash" "/payments/fee-reserve" \
    "/v1/xpay" "/v1/listpays" "pay_invoice"; do
    with=$(count target/debug/l402 "$trace")
    without=$(count target/sell/debug/l402 "$trace")
    if [ "$with" -gt 0 ] && [ "$without" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $trace stands $with times in the full program, $without times in the selling one"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
