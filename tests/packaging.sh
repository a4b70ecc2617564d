#!/usr/bin/env bash
# The packages: pages, the Debian package in an empty folder, its systemd units, and what describes containers,
# Kubernetes, Homebrew and releases, each by the linter or the schema that its users have.
#
#   tests/packaging.sh [--profile PROFILE]
#
# By default it packs what `cargo build` has compiled already (`dev`), so that it costs no second build; `--profile release`
# or `dist` packs what is shipped. Needs Rust, Go and Python; installs the tools that are missing. Nothing here starts a
# container: there is no engine for them.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/tests/packaging
profile=dev
[ "${1:-}" != --profile ] || profile=$2
. "$here/tools.sh"

work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
passed=0
failed=0
check() { # NAME COMMAND...: the command succeeds
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        cat "$work/said"
    fi
}
same() { # NAME EXPECTED FOUND
    check "$1: wanted '$2', got '$3'" [ "$2" = "$3" ]
}

features=()
[ "$profile" = dev ] || features=(--features dist)
cargo build --locked --quiet --profile "$profile" -p l402-cli --bin l402 ${features[@]+"${features[@]}"}

step() { echo "== $* (${SECONDS}s)"; }
step "the Debian package"
. "$here/debian.sh"
step "serving as its unit has it"
. "$here/serving.sh"
step "what describes the others"
. "$here/described.sh"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
