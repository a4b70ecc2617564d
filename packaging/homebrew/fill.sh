#!/usr/bin/env bash
# Writes the formula of a release to stdout:
#   packaging/homebrew/fill.sh l402-0.1.0-source.tar.gz >l402.rb
set -euo pipefail
archive=$1
version=$(basename "$archive" -source.tar.gz)
version=${version#l402-}
digest=$(openssl dgst -sha256 -r "$archive" | cut -d ' ' -f 1)
sed -e "s|/v[0-9][^/]*/l402-.*-source|/v$version/l402-$version-source|" -e "s/\"0\{64\}\"/\"$digest\"/" \
    "$(dirname "$0")/l402.rb"
