"""``python -m helm.generate.observability``: write docs/OBSERVABILITY.md from the dashboards, the alerts' thresholds and the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from helm.generate.dashboards import DASHBOARDS
from helm.generate.grafana import Dashboard
from sidecar.observe.metric_defs import METRICS

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "OBSERVABILITY.md"
VALUES = ROOT / "helm" / "kafka-sidecar" / "values.yaml"

HEAD = """\
# Observability

<!-- made by `python -m helm.generate.observability`; a test fails when it is stale -->

The sidecar says of itself whether data is late, why, and what was dropped: to people in `/status` ([STATUS.md](STATUS.md)), to Prometheus in
`/metrics` ([METRICS.md](METRICS.md)). This page is about the dashboards and alerts that are made of the latter, and come with the chart:

```yaml
# values of helm/kafka-sidecar: once in a namespace, not once in a pod
podMonitor: {{enabled: true}}
alerts: {{enabled: true}}      # a PrometheusRule; thresholds are values
dashboards: {{enabled: true}}  # ConfigMaps with the label grafana_dashboard
```

Rules and dashboards need the labels `namespace`, `pod` and `container` on what is scraped. A PodMonitor sets them; a scrape configuration of your
own has to. The consumer group is no label of the metrics: `sidecar_config_info` has it, and the rules join it.

## What it costs

{count} metrics. Three of them are by partition. With 500 partitions in one process that is some 1,800 lines of `/metrics`, of which
1,500 are by partition; with `SIDECAR_METRICS__PER_PARTITION=false` some 330, and lag and verdict by topic. A page is made from a frozen report, on
a thread of its own, at most once for each report and format: 1,000 scrapers cost as much as four in a second. The loop never waits for it; what it
takes is in [PERFORMANCE.md](PERFORMANCE.md).

## Where to look first

1. The dashboard of the group, first row: is anything late, was anything lost?
2. *Why: verdicts*, one row further: the word of the partitions that are behind. It is the same word as in `/status`, in `sidecar_verdict` and in
   [STATUS.md](STATUS.md), which says what to do.
3. The runbook of the alert, which starts from that word.

"""

PICTURE = """
![{title}](images/{uid}.svg)

"""

ALERTS_HEAD = """\
## Alerts

All names begin with `KafkaSidecar`. A runbook for each is in [runbooks](runbooks). Thresholds and durations are values of the chart
(`alerts.rules`); the table has the defaults. None is about a fixed number of records, and none about a quiet topic.

| alert | severity | when | for |
|---|---|---|---|
"""

ALERTS_TAIL = """
Causes and symptoms can fire together. With these rules Alertmanager tells of the cause alone:

```yaml
inhibit_rules:
  - source_matchers: [alertname =~ "KafkaSidecar(AppUnavailable|KafkaTrouble|PartitionStuck|Absent)"]
    target_matchers: [alertname =~ "KafkaSidecar(PartitionBehind|LagNotShrinking|FreshnessBudgetBurn)"]
    equal: [namespace, group]
  - source_matchers: [alertname = KafkaSidecarFlushesAtMaximum]
    target_matchers: [alertname = KafkaSidecarLagNotShrinking]
    equal: [namespace, group]
  - source_matchers: [alertname =~ "KafkaSidecar.*", severity = critical]
    target_matchers: [alertname =~ "KafkaSidecar.*", severity = warning]
    equal: [alertname, namespace, group, topic, partition]
```

What the alerts cannot see: a process that ends right after its drain is not scraped again, so a drain that expired shows only where the process
lives on for a scrape (as it does with the sidecar's own preStop hook), or came near its time-out before. The exit status (3) and the last log line
tell it always.

## Recording rules

They come with the alerts, or alone (`recordingRules.enabled`). Their levels are a consumer group in its namespace (and cluster, where series have
that label), or less.

| series | meaning |
|---|---|
| `group:sidecar_lag_seconds:max` | the oldest record without an outcome, in seconds; scale by this one |
| `group:sidecar_lag_records:sum` | records behind; each partition counted once, also around a rebalance |
| `group_topic_partition:sidecar_lag_seconds:max`, `...lag_records:max` | the same by partition |
| `group:sidecar_members:count` | sidecars that answer |
| `group:sidecar_records_late:ratio_rate<window>` | the share of what was delivered that was late, for the windows of FreshnessBudgetBurn |
| `group:sidecar_records_lost:ratio_rate<window>` | the share of the records that came to an end that was lost, for the windows of LossBudgetBurn |
| `group:sidecar_known_obstacle:max` | 1 while the application, Kafka or an operator is known to be in the way |
"""

ALERTS: Mapping[str, str] = {
    "partitionBehind.warning": "the oldest record of a partition without an outcome is older than {seconds} s",
    "partitionBehind.critical": "the same, {seconds} s",
    "partitionStuck": "a policy stopped a partition, or its first record without an outcome is the same as {window} ago and nothing known is in the way",
    "lagNotShrinking": "the group is more than {seconds} s behind, was so {window} ago, and it is not less now, and nothing known is in the way",
    "freshnessBudgetBurn.page": "records older than {parent[seconds]} s at delivery, against an objective of {parent[objective]:.0%} on time: {windows}",
    "freshnessBudgetBurn.ticket": "the same, {windows}",
    "lossBudgetBurn.page": "records lost, against an objective of {parent[objective]:.1%} kept: {windows}",
    "unintentionalDrops": "a record was dropped by overload (of a topic that is not among `alerts.mayShed`) or as poison within {window}",
    "littleKept": "less than {ratio:.0%} of a topic's records is kept, whatever drops the others",
    "flushesAtMaximum": "as many flushes run at once as the settings allow, none waits in the application, and the group is more than {seconds} s"
    " behind and no better than {window} ago",
    "fetchedAgain": "more than {ratio:.0%} of what the Kafka clients receive is thrown away, and more than {bytesPerSecond:,} bytes a second",
    "offsetsMissed": "Kafka deleted records before they were polled, within {window}",
    "deadLetterRateHigh": "more than {ratio:.0%} of the records that came to an end within {window} went to the dead-letter topic",
    "deadLettersBlocked": "a partition waits for a dead letter that its topic does not take, or that no delivery has earned",
    "overflowBlocked": "partitions wait for an overflow topic that does not take their records",
    "appUnavailable": "the circuit breaker is not closed, the application says that it is unhealthy, or all flushes within {window} failed",
    "kafkaTrouble": "a process has trouble with Kafka",
    "rebalanceStorm": "partitions were taken away more than {perMember} times for each member within {window}",
    "commitFailing": "commits failed within {window}, none succeeded, and Kafka is not known to be in trouble",
    "drainTimedOut": "a drain expired, or used more than {ratio:.0%} of its time, within {window}",
    "down": "a sidecar does not answer Prometheus",
    "absent": "a group that had members within {memory} has none, or one of `alerts.expectedGroups` has none",
    "configDrift": "members of one group have different settings",
    "booksUnbalanced": "the books of a process do not balance",
}
"""When each alert fires, by its path in the values; what stands in braces is a value."""


def document() -> str:
    """Return docs/OBSERVABILITY.md."""
    rules = yaml.safe_load(VALUES.read_text(encoding="utf-8"))["alerts"]["rules"]
    head = HEAD.format(count=len(METRICS))
    return head + "".join(map(_dashboard, DASHBOARDS)) + ALERTS_HEAD + "".join(_alerts(rules)) + ALERTS_TAIL


def _dashboard(dashboard: Dashboard) -> str:
    title = dashboard.title.partition(": ")[2]
    parts = [f"## Dashboard: {title}\n\n{dashboard.description}\n", PICTURE.format(title=title, uid=dashboard.uid)]
    for row in dashboard.rows:
        parts.append(f"**{row.title}**\n\n| panel | what it shows |\n|---|---|\n")
        parts += [f"| {panel.title} | {panel.description} |\n" for panel in row.panels]
        parts.append("\n")
    return "".join(parts)


def _alerts(rules: Mapping[str, Any]) -> Iterator[str]:
    for path, when in ALERTS.items():
        name, _, form = path.partition(".")
        rule = rules[name][form] if form else rules[name]
        told = when.format(**{**rule, "parent": rules[name], "windows": _windows(rule.get("windows", ()))})
        alert = name[0].upper() + name[1:]
        yield f"| [{alert}](runbooks/KafkaSidecar{alert}.md) | {rule['severity']} | {told} | {rule['for']} |\n"


def _windows(windows: list[Mapping[str, Any]]) -> str:
    return ", or ".join(f"{each['burn']} times as many as it allows over {each['long']} and {each['short']}" for each in windows)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
