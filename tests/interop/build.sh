#!/usr/bin/env bash
# Builds the Go programs that tests and benchmarks run against: `build.sh [MODULE...]`, all of them
# by default. Each is built from tests/interop/lnd/go/MODULE, where every module is pinned, and
# stays in target/interop/bin until its pins or Go itself change. Needs Go (1.26 or newer).
set -euo pipefail
cd "$(dirname "$0")/../.."
modules="$PWD/tests/interop/lnd/go"
bin="$PWD/target/interop/bin"
mkdir -p "$bin"
[ $# -gt 0 ] || set -- btcd lnd aperture

for module; do
    stamp="$bin/$module.stamp"
    pins=$(go version && cat "$modules/$module/go.mod" "$modules/$module/go.sum" | sha256sum)
    if [ ! -x "$bin/$module" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$pins" ]; then
        echo "building $module"
        (cd "$modules/$module" && CGO_ENABLED=0 GOBIN="$bin" go install -mod=readonly tool)
        printf '%s\n' "$pins" >"$stamp"
        echo "built $module (${SECONDS}s)"
    fi
done
