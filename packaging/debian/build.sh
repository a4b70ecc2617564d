#!/usr/bin/env bash
# Builds the Debian package of this machine's architecture, and prints its path:
#   packaging/debian/build.sh [--profile PROFILE] [--target TARGET] [--no-build] [FOLDER]
# The profile is `release`, FOLDER is target/debian. --no-build takes the program as it was compiled before.
# Needs cargo-deb 3, dpkg-dev and xz-utils.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
profile=release
target=
build=yes
out=target/debian
while [ $# -gt 0 ]; do
    case $1 in
        --profile) profile=$2 && shift ;;
        --target) target=$2 && shift ;;
        --no-build) build=no ;;
        *) out=$1 ;;
    esac
    shift
done
for_target=()
[ -z "$target" ] || for_target=(--target "$target")
if [ "$build" = yes ]; then
    cargo build --locked --profile "$profile" "${for_target[@]}" -p l402-cli --bin l402 --features dist
fi
# Cargo keeps what the profile `dev` makes in `debug`.
folder=$profile
[ "$profile" != dev ] || folder=debug
packaging/pages.sh "target/${target:+$target/}$folder/l402"
mkdir -p "$out"
rm -f "$out"/l402_*.deb
cargo deb --quiet --locked -p l402-cli --no-build --fast --profile "$profile" "${for_target[@]}" --output "$out/" >/dev/null
echo "$out"/l402_*.deb
