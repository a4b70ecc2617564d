#!/usr/bin/env bash
# Certificates by themselves, from Pebble, the authority that Let's Encrypt tests clients with: from nothing
# to a certificate, a restart with the stored one while the authority is down, and renewal. All of it on
# 127.0.0.1. Needs Rust, Go (1.26 or newer), Python 3 and openssl.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/interop/build.sh pebble
# The program with all features, as the tests of the workspace have built it.
cargo test --locked --quiet --workspace --no-run --test day
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export L402_HOME="$work/home"
mkdir -m 700 "$L402_HOME"
python3 -B tests/interop/acme/check.py "$PWD/target/debug/l402" "$PWD/target/interop/bin/pebble" "$work"
echo "certificates come and are renewed by themselves (${SECONDS}s)"
