#!/usr/bin/env bash
# Request targets from a grammar against the gateway in front of nginx, Express, and Python's http
# and CGI servers: nothing that is sold may come unpaid. tests/targets has the program.
#
# L402_TARGETS is the number of targets for each server, 600 by default. Needs Rust, Python 3 (older
# than 3.15, which has no CGI server) and Node with npm; installs nginx if it is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ ! -x /usr/sbin/nginx ]; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    # RUNLEVEL keeps its service from starting: here it runs for the test only.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends nginx-light
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp tests/interop/targets/package*.json "$work"
(cd "$work" && npm ci --silent --no-audit --no-fund --ignore-scripts)

# Node looks for modules there as well as beside the script.
export NODE_PATH="$work/node_modules"
export L402_TARGETS="${L402_TARGETS:-600}"
cargo test --locked --quiet -p l402-tests --test targets -- --ignored --nocapture
