#!/usr/bin/env bash
# Puts the program and manifest.json into an MCP bundle, and writes server.json with the digest of the bundle:
#   packaging/mcp/build.sh [PROGRAM [FOLDER]]      target/release/l402 and target/mcp by default
# The bundle is for the platform that the program was built for. Needs Node with npm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
program=${1:-$root/target/release/l402}
out=${2:-$root/target/mcp}
# Another copy of the same version, such as one that is installed already.
mcpb=${MCPB:-npm exec --yes --silent --ignore-scripts --package=@anthropic-ai/mcpb@2.1.2 -- mcpb}

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$here/manifest.json")
said=$("$program" --version)
if [ "$said" != "l402 $version" ]; then
    echo "manifest.json says $version, and $program says: $said" >&2
    exit 1
fi
platform=$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
bundle="$out/l402-mcp-$platform.mcpb"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/server" "$out"
cp "$here/manifest.json" "$stage/manifest.json"
install -m 755 "$program" "$stage/server/l402"
(cd "$stage" && $mcpb validate manifest.json)
(cd "$stage" && $mcpb pack . "$bundle" >/dev/null)

digest=$(openssl dgst -sha256 -r "$bundle" | cut -d ' ' -f 1)
sed -e "s/l402-mcp-linux-x86_64/l402-mcp-$platform/" -e "s/\"0\{64\}\"/\"$digest\"/" \
    "$here/server.json" >"$out/server.json"
grep -q "$digest" "$out/server.json"
echo "$bundle"
