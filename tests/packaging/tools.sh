# The tools of tests/packaging.sh, kept between runs in L402_TOOLS. Read by it with `.`.
tools="${L402_TOOLS:-$PWD/target/tools}"
export PATH="$tools/bin:$tools/packaging/bin:$PATH"

missing=()
for need in systemd-analyze:systemd strace:strace dpkg-deb:dpkg xz:xz-utils; do
    command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" >&2
fi
# Without optimization: it packs one file, and compiles in a quarter of the time.
cargo deb --version 2>/dev/null | grep -q '3\.8\.0' ||
    cargo install --quiet --locked --debug --no-default-features --root "$tools" cargo-deb --version 3.8.0
actionlint --version 2>/dev/null | grep -q '^v\?1\.7\.12' ||
    GOBIN="$tools/bin" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
if ! cmp -s "$here/requirements.txt" "$tools/packaging/requirements.txt"; then
    python3 -m venv "$tools/packaging"
    "$tools/packaging/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$tools/packaging/requirements.txt"
fi
