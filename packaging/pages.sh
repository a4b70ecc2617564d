#!/usr/bin/env bash
# Writes what every package has beside the program, which makes them itself:
#   packaging/pages.sh [PROGRAM [FOLDER]]      target/release/l402 and target/package by default
# FOLDER/man has the manual pages, FOLDER/completions those of bash, zsh, fish and PowerShell.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-$root/target/release/l402}
out=${2:-$root/target/package}

rm -rf "$out/man" "$out/completions"
mkdir -p "$out/completions"
"$program" man "$out/man"
"$program" completions bash >"$out/completions/l402.bash"
"$program" completions zsh >"$out/completions/_l402"
"$program" completions fish >"$out/completions/l402.fish"
"$program" completions powershell >"$out/completions/l402.ps1"
