# What describes containers, pods, formula and releases: by linters and schemas, and against each other. Part of
# tests/packaging.sh.

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
check "Dockerfile" hadolint packaging/container/Dockerfile
check "compose" check-jsonschema --builtin-schema vendor.compose-spec packaging/container/compose.yaml
check "Kubernetes" kubernetes-validate --strict packaging/kubernetes/*.yaml packaging/kubernetes/example/*.yaml
check "workflow" actionlint .github/workflows/release.yml
check "workflow: secrets, rights and pinned parts" zizmor --offline --quiet .github/workflows/release.yml
check "scripts" shellcheck packaging/*.sh packaging/*/*.sh packaging/debian/p*
for image in packaging/container/compose.yaml packaging/kubernetes/deployment.yaml; do
    check "$image has this version" grep -q "image: l402:$version\$" "$image"
done
compiler=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
same "compiler of the container" "$compiler" "$(sed -n 's/^ENV RUSTUP_TOOLCHAIN=//p' packaging/container/Dockerfile)"
check "image of that compiler" grep -q "^ARG RUST=rust:$compiler-alpine" packaging/container/Dockerfile

# The configurations in them are sound. What they name is elsewhere, so it is put here.
mkdir -p "$work/named"
for file in db-password db-ca.pem tls.cert invoice.macaroon; do echo secret >"$work/named/$file"; done
chmod 600 "$work/named"/*
cp packaging/container/l402.toml "$work/compose.toml"
"$tools/packaging/bin/python" -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["data"]["l402.toml"])' \
    packaging/kubernetes/configmap.yaml >"$work/pod.toml"
for config in compose pod; do
    # A macaroon is made by lnd alone.
    sed -i -e 's|^node = "lnd:.*|node = "lnurl:you@wallet.example"|' -e "s|/run/secrets/|$work/named/|g" -e "s|/run/l402/|$work/named/|g" "$work/$config.toml"
    check "configuration of $config" "$installed" serve --check --config "$work/$config.toml"
    check "$config: the probes find a listener" grep -q '^listen = "127.0.0.1:8405"' "$work/$config.toml"
done

# Of a formula nothing but the text can be looked at here, unless Ruby is installed.
(cd "$work" && printf x >"l402-9.8.7-source.tar.gz")
packaging/homebrew/fill.sh "$work/l402-9.8.7-source.tar.gz" >"$work/l402.rb"
check "the formula's source" grep -q 'download/v9.8.7/l402-9.8.7-source.tar.gz"' "$work/l402.rb"
check "the formula's checksum" grep -q "sha256 \"$(printf x | sha256sum | cut -d ' ' -f 1)\"" "$work/l402.rb"
if command -v ruby >/dev/null; then
    check "the formula is Ruby" ruby -c "$work/l402.rb"
fi

archive=$(packaging/archive.sh "" "$profile")
check "the archive has program, pages and completions" bash -c "[ \"\$(tar -tf '$archive' |
    grep -cE '/(l402|l402.example.toml|man/l402-serve.1|completions/_l402|systemd/l402.service|LICENSE-MIT)\$')\" = 6 ]"
first=$(sha256sum <"$archive")
packaging/archive.sh "" "$profile" >/dev/null
same "the archive is the same each time" "$first" "$(sha256sum <"$archive")"
