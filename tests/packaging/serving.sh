# The installed program serves as its unit has it: with the calls of the system that the unit allows, and asked for its
# health as containers ask. Part of tests/packaging.sh.

# Names of calls in a group of systemd's, whose groups may hold others.
calls() { # GROUP
    systemd-analyze syscall-filter "$1" | sed -n 's/^ *\([@a-z][a-z0-9_-]*\)$/\1/p' | tail -n +2 | while read -r name; do
        case $name in
            @*) calls "$name" ;;
            *) echo "$name" ;;
        esac
    done
}
same "what the unit allows" "@system-service ~@privileged @chown " \
    "$(sed -n 's/^SystemCallFilter=//p' packaging/systemd/l402.service | tr '\n' ' ')"
comm -23 <(calls @system-service | sort -u) <(calls @privileged | sort -u) >"$work/most"
sort -u "$work/most" <(calls @chown) >"$work/allowed"
check "the groups are known" test "$(wc -l <"$work/allowed")" -gt 200

export L402_HOME=$root/var/lib/l402
config=$root/etc/l402/l402.toml
installed=$root/usr/bin/l402
# What is sold: the list of a folder. Nothing is for sale while nobody listens there.
mkdir "$work/goods"
python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$work/goods" >"$work/upstream" 2>"$work/upstream.log" &
pids+=($!)
for _ in $(seq 300); do grep -q 'port [0-9]' "$work/upstream" && break || sleep 0.1; done
upstream=127.0.0.1:$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$work/upstream")
cat >"$config" <<END
listen = ["127.0.0.1:0"]
[admin]
listen = "127.0.0.1:0"
[[route]]
path = "/"
upstream = "http://$upstream"
price = "50 sat"
END
strace -f -qq -o "$work/trace" "$installed" serve --config "$config" --json >"$work/shop" 2>"$work/shop.log" &
pids+=($!)
for _ in $(seq 300); do
    grep -q listening "$work/shop" && break
    kill -0 "${pids[-1]}" || break
    sleep 0.1
done
# The process below strace, which is the one that systemd would signal.
main=$(head -1 "$work/trace" | cut -d ' ' -f 1)
field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["listening"][0])' "$work/shop"; }
# As the images ask, with the program's own words.
probe() { # FILE PATTERN
    grep -h "$2" "$1" | sed -n 's/.*\[\(.*\)\].*/\1/p' | tr -d '",' | sed "s|/usr/bin/l402|$installed|"
}
healthy=$(probe packaging/container/Dockerfile 'CMD .*health')
alive=$(probe packaging/kubernetes/deployment.yaml 'command: .*health, --alive' | head -1)
ready=$(probe packaging/kubernetes/deployment.yaml 'command: .*health\]')
for probe in "$healthy" "$alive" "$ready"; do
    check "the probe has a command" grep -q 'l402 admin health' <<<"$probe"
done
check "the container's check" $healthy
check "the pod's check of life" $alive
check "the pod's check if it can sell" $ready
check "it sells" "$installed" get --wallet sandbox "http://$(field)/"
check "it was paid" bash -c "'$installed' admin sales --json | grep -q 50000"
check "ExecReload looks at the file first" "$installed" serve --config "$config" --check
kill -HUP "$main"
check "and the file is read again" "$installed" admin reload
kill -TERM "$main"
wait "${pids[-1]}" && status=0 || status=$?
same "SIGTERM ends it" 0 "$status"
check "after its end it is not alive" bash -c "$healthy; [ \$? = 69 ]"
sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$work/trace" | sort -u >"$work/calls"
check "what was called is known" test "$(wc -l <"$work/calls")" -gt 30
# strace starts the program, which systemd does before the filter stands.
same "calls that the unit would refuse" "" "$(comm -23 "$work/calls" "$work/allowed" | grep -v '^execve$' | tr '\n' ' ')"
check "keys and ledger are its user's alone" bash -c "[ -z \"\$(find '$L402_HOME' -perm /077 ! -name run)\" ]"
