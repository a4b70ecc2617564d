#!/usr/bin/env bash
# Installs PostgreSQL from the system's packages, if it is not there: the tests of several gateways start
# servers of their own with it. Needs apt-get, and root or sudo without a password.
set -euo pipefail
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null && exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
"${as_root[@]}" apt-get update -qq
# RUNLEVEL keeps its service from starting.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 postgresql >&2
