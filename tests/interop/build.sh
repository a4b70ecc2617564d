#!/usr/bin/env bash
# Builds the Go programs that tests and benchmarks run against: `build.sh [MODULE...]`, by default
# btcd, lnd and aperture. Each is built from tests/interop/lnd/go/MODULE, where every module is pinned,
# and stays in target/interop/bin until its pins or Go itself change; a further version, such as
# lnd-0.21, in a folder of its name there. Needs Go (1.26 or newer).
set -euo pipefail
cd "$(dirname "$0")/../.."
modules="$PWD/tests/interop/lnd/go"
bin="$PWD/target/interop/bin"
mkdir -p "$bin"
[ $# -gt 0 ] || set -- btcd lnd aperture

for module; do
    stamp="$bin/$module.stamp"
    out="$bin"
    program="${module%%-*}"
    [ "$program" = "$module" ] || out="$bin/$module"
    # For held invoices, which the releases of lnd have, too.
    tags=""
    [ "$program" != lnd ] || tags=invoicesrpc
    pins=$(go version && cat "$modules/$module/go.mod" "$modules/$module/go.sum" | sha256sum)$tags
    if [ ! -x "$out/$program" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$pins" ]; then
        echo "building $module"
        (cd "$modules/$module" && CGO_ENABLED=0 GOBIN="$out" go install -mod=readonly -tags="$tags" tool)
        printf '%s\n' "$pins" >"$stamp"
        echo "built $module (${SECONDS}s)"
    fi
done
