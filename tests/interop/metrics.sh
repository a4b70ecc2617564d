#!/usr/bin/env bash
# What a gateway says at /metrics, read by Prometheus' own Python library and by promtool, which also checks the
# alerts. Needs Rust and Python 3; promtool (PROMTOOL, or in the PATH) is taken out of Debian's package
# `prometheus` if it is missing, and left out where there is no apt. Installs nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/interop/metrics/requirements.txt
L402_METRICS_TEXT="$work/metrics.txt" cargo test --locked --quiet --workspace --tests -- \
  --exact metrics::each_request_is_counted_once_by_route_and_outcome_also_over_a_reload
"$work/venv/bin/python" -B tests/interop/metrics/check.py "$work/metrics.txt" docs/metrics.md
promtool=${PROMTOOL:-$(command -v promtool || true)}
if [ -z "$promtool" ] && command -v apt-get >/dev/null; then
  unpack() {
    (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb -x prometheus_*.deb .)
  }
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  unpack 2>/dev/null || { "${as_root[@]}" apt-get update -qq && unpack; }
  promtool="$work/usr/bin/promtool"
fi
if [ -n "$promtool" ]; then
  "$promtool" check metrics <"$work/metrics.txt"
  "$promtool" check rules packaging/prometheus/alerts.yml
  "$promtool" test rules tests/interop/metrics/alerts_test.yml
  echo "metrics and alerts are as Prometheus reads them (${SECONDS}s)"
else
  echo "metrics are as Prometheus reads them; no promtool here, so the alerts are not checked"
fi
