# Sourced by the scripts that look at pages in Chromium, from the root of the repository, with the folders of their
# programs: makes $work, which goes away at the end, with these programs and the npm packages in $work/browser.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The browser unpacks itself there.
export TMPDIR="$work/tmp"
mkdir "$work/tmp"
cp -r tests/interop/browser "$work/browser"
for folder; do cp -r "$folder"/* "$work/browser"; done
(cd "$work/browser" && npm ci --silent --no-audit --no-fund --ignore-scripts)
