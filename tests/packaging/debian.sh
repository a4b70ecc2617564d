# The Debian package: built, installed into an empty folder, looked at, removed. Part of tests/packaging.sh.

deb=$(packaging/debian/build.sh --profile "$profile" --no-build)
check "a package was built" test -f "$deb"
root=$work/root
mkdir -p "$root/etc" "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
: >"$root/var/lib/dpkg/status"
# The folder has no shell: scripts run outside of it, and find it by DPKG_ROOT. Nor has it what the package depends on.
dpkg_in_root() {
    dpkg --root="$root" --force-depends --force-script-chrootless --log="$work/dpkg.log" "$@"
}
stands() { # PATH MODE OWNER: what is there, and whose
    same "$1" "$2 $3" "$(stat -c '%a %U' "$root$1" 2>&1 | sed "s/ $(id -un)$/ root/")"
}
check "it installs" dpkg_in_root -i "$deb"
check "its program runs" "$root/usr/bin/l402" --version
stands /usr/bin/l402 755 root
for file in lib/systemd/system/l402.service lib/systemd/system/l402-upgrade@.service lib/sysusers.d/l402.conf \
    lib/tmpfiles.d/l402.conf share/doc/l402/l402.example.toml share/doc/l402/copyright \
    share/bash-completion/completions/l402 share/zsh/vendor-completions/_l402 \
    share/fish/vendor_completions.d/l402.fish share/man/man1/l402.1.gz share/man/man1/l402-serve.1.gz; do
    stands "/usr/$file" 644 root
done
check "a shell reads its completions" bash -n "$root/usr/share/bash-completion/completions/l402"
check "each command has a page" bash -c "[ \"\$(ls '$root/usr/share/man/man1' | wc -l)\" -gt 80 ]"

# The folders of money are the user's alone.
check "it makes its user" grep -q '^l402:x:[0-9]*:[0-9]*:[^:]*:/var/lib/l402:/usr/sbin/nologin$' "$root/etc/passwd"
user=$(grep '^l402:' "$root/etc/passwd" | cut -d : -f 3)
same /var/lib/l402 "700 $user" "$(stat -c '%a %u' "$root/var/lib/l402")"
same /etc/l402 "750 $user" "$(stat -c '%a %u' "$root/etc/l402")"
same "nothing is sold before its operator says so" "" "$(ls "$root/etc/l402" "$root/etc/systemd" 2>/dev/null |
    grep -v ':$' || true)"

# Removal, purge and a second installation leave keys, books and prices as they are.
for file in var/lib/l402/master.key var/lib/l402/gateway.db var/lib/l402/books.db etc/l402/l402.toml; do
    echo "worth $file" >"$root/$file"
    chmod 600 "$root/$file"
done
whole() { (cd "$root" && find var/lib/l402 etc/l402 -exec stat -c '%n %a %u' {} + -type f -exec sha256sum {} + | sort); }
before=$(whole)
check "it updates" dpkg_in_root -i "$deb"
same "what an update leaves" "$before" "$(whole)"
check "it is removed" dpkg_in_root --remove l402
same "what a removal leaves" "$before" "$(whole)"
check "the program is gone" test ! -e "$root/usr/bin/l402"
check "it is installed again" dpkg_in_root -i "$deb"
check "it is purged" dpkg_in_root --purge l402
cp "$work/said" "$work/purge"
check "the purge says what it leaves" grep -q '/var/lib/l402 is left as it is' "$work/purge"
same "what a purge leaves" "$before" "$(whole)"
rm -r "$root/var/lib/l402" "$root/etc/l402"
dpkg_in_root -i "$deb" >/dev/null 2>&1

# The units, as systemd reads them. Of its own it brings nothing into the folder but the targets.
cp /lib/systemd/system/*.target "$root/usr/lib/systemd/system/"
mkdir -p "$root/bin"
cp /bin/kill "$root/bin/"
verify() { # UNIT: no word of complaint
    local said
    said=$(systemd-analyze --man=no --root="$root" verify "$1" 2>&1) || { echo "$said" && return 1; }
    [ -z "$said" ] || { echo "$said" && return 1; }
}
for unit in l402.service l402-upgrade@2.service; do
    check "systemd reads $unit" verify "$unit"
    # From 0 (nothing is open) to 100. Its sockets and the port 443 are 17.
    check "$unit is shut in" systemd-analyze security --offline=true --threshold=20 --root="$root" "$unit"
done
fence() { sed -n '/^# Ports below 1024/,/^SystemCallErrorNumber/p' "packaging/systemd/$1"; }
same "both units are shut in alike" "$(fence l402.service)" "$(fence l402-upgrade@.service)"
check "that is not nothing" test "$(fence l402.service | wc -l)" -gt 20
