"""Reads the text of a gateway with Prometheus' own parser, and holds it against the page of metrics."""

import re
import sys

from prometheus_client.parser import text_string_to_metric_families

text = open(sys.argv[1], encoding="utf-8").read()
page = open(sys.argv[2], encoding="utf-8").read()
families = {family.name: family for family in text_string_to_metric_families(text)}

rows = re.findall(r"^\| `(l402_\w+)` \| (\w+) \| (.*?) \|", page, re.M)
assert len(rows) > 20, rows
for name, kind, labels in rows:
    # The parser names a counter without its suffix.
    family = families.pop(name.removesuffix("_total") if kind == "counter" else name)
    assert family.type == kind, (name, family.type, kind)
    assert family.documentation, name
    wanted = set(re.findall(r"`(\w+)`", labels))
    for sample in family.samples:
        assert set(sample.labels) - {"le"} == wanted, sample
        assert sample.value >= 0, sample
assert not families, f"not on the page: {families.keys()}"

for family in text_string_to_metric_families(text):
    if family.type != "histogram":
        continue
    series = {}
    for sample in family.samples:
        key = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        series.setdefault(key, []).append(sample)
    for samples in series.values():
        buckets = [(float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket")]
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), buckets
        counts = [count for _, count in buckets]
        assert counts == sorted(counts), counts
        (count,) = (s.value for s in samples if s.name.endswith("_count"))
        assert counts[-1] == count, (counts, count)

requests = [f for f in text_string_to_metric_families(text) if f.name == "l402_requests"]
ended = sum(sample.value for family in requests for sample in family.samples)
assert ended > 20, ended
print(f"{len(rows)} metrics, {int(ended)} requests")
