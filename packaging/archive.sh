#!/usr/bin/env bash
# Puts the program, its pages and the files of an operator into an archive, and prints its path:
#   packaging/archive.sh [TARGET [PROFILE]]     this machine's program, and `dist` by default
# It lies in target/assets and is the same, byte for byte, from the same program.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-}
profile=${2:-dist}
folder=$profile
[ "$profile" != dev ] || folder=debug
case ${target:-$(uname -s)} in
    *windows* | MINGW*) program=l402.exe ;;
    *) program=l402 ;;
esac
built=target/${target:+$target/}$folder/$program
version=$("$built" --version | cut -d ' ' -f 2 | tr -d '\r')
name=l402-$version-${target:-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
packaging/pages.sh "$built" "$stage/$name"
install -m 755 "$built" "$stage/$name/$program"
# Of a program for another platform the names stay in.
strip "$stage/$name/$program" 2>/dev/null || true
install -m 644 LICENSE-APACHE LICENSE-MIT README.md crates/l402-gateway/l402.example.toml "$stage/$name/"
case $target in
    *linux* | '') cp -r packaging/systemd "$stage/$name/systemd" ;;
esac
mkdir -p target/assets
archive=$PWD/target/assets/$name.tar.gz
# GNU tar alone can leave out who built it, and when.
same=()
if tar --version 2>/dev/null | grep -q GNU; then
    same=(--sort=name --owner=0 --group=0 --numeric-owner --mtime=@0)
fi
(cd "$stage" && tar -c ${same[@]+"${same[@]}"} -f - "$name" | gzip -n >"$archive")
echo "$archive"
