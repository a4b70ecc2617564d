#!/usr/bin/env bash
# nginx, haproxy and Caddy in front of a gateway, each as docs/behind-a-proxy.md writes it: unpaid and
# paid requests, WebSocket, health checks, and the client's address in limits, log and upstream.
#
# Needs Rust; installs nginx, haproxy and Caddy if they are missing. Each runs on free ports of
# 127.0.0.1, as long as its test.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
for package in nginx haproxy caddy; do
    [ -x "/usr/sbin/$package" ] || [ -x "/usr/bin/$package" ] || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    # RUNLEVEL keeps their services from starting: here they run for the test only.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
export PATH="$PATH:/usr/sbin"
cargo test --locked --quiet --workspace --tests real_proxies -- --include-ignored
echo "nginx, haproxy and Caddy: each as docs/behind-a-proxy.md writes it (${SECONDS}s)"
