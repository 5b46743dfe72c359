"""The dashboard of a consumer group: is data late, why, and what was dropped. It reads from top to bottom."""

from __future__ import annotations

from dataclasses import replace

from helm.generate.dashboard_parts import (
    ANNOTATIONS,
    BY_DOING,
    BY_OUTCOME,
    BY_VERDICT,
    CLUSTER,
    GROUP,
    NAMESPACE,
    PODS,
    SHARE_KEPT,
    STARTED,
    TOPIC,
    ended,
)
from helm.generate.grafana import BLUE, GREEN, ORANGE, PURPLE, RED, YELLOW, Dashboard, Panel, Query, Row, Variable, stat
from helm.generate.promql import added, grown, largest, of_process, quantile, rate, series
from sidecar.observe import metric_defs as defs

UID = "kafka-sidecar-group"

ON_TIME = 'le=~"60|60.0"'
UNINTENDED, INTENDED = 'intent=~"overload|poison"', 'intent="policy"'
TOO_LATE = 'reason=~"expired|max_wait"'
CLOSED = 'state="closed"'
CONTAINER = 'namespace=~"$namespace", pod=~"$pod", container="kafka-sidecar"'
FAILED = 'outcome=~"retriable|systemic"'
VERSIONS = Query(f"count by (version) ({series(defs.BUILD_INFO)})", "version {{version}}")
LAG_RECORDS = added(largest(series(defs.LAG_RECORDS), "topic", "partition", "pod"))
SHRINKING = f"-{added(f'deriv({series(defs.LAG_RECORDS)}[$__rate_interval])')}"


HOW_IT_IS = Row(
    "How it is",
    (
        stat(
            "Furthest behind",
            "The age of the oldest record, of all partitions, that has no outcome yet. 0 when everything is delivered.",
            Query(largest(series(defs.LAG_SECONDS)), "behind"),
            "s",
            steps=((60, YELLOW), (300, RED)),
        ),
        stat(
            "Delivered on time",
            "The share of the records delivered in this time range that were at most 60 s old then. Red below 99 %.",
            Query(
                f"{added(grown(defs.RECORD_AGE, ON_TIME, suffix='_bucket'))} / {added(grown(defs.RECORD_AGE, suffix='_count'))}",
                "on time",
            ),
            "percentunit",
            steps=((0.99, GREEN),),
            below=RED,
            high=1,
            decimals=2,
        ),
        stat(
            "Not lost",
            "The share of the records that came to an end in this time range which was not dropped by overload or as poison. What a policy drops on purpose does"
            " not count. Red below 99.9 %.",
            Query(f"1 - {added(grown(defs.DROPPED, UNINTENDED))} / {ended(grown)}", "kept"),
            "percentunit",
            steps=((0.999, GREEN),),
            below=RED,
            high=1,
            decimals=2,
        ),
        stat(
            "Members",
            "Sidecars of the group that answer Prometheus. Compare it with the replicas that you want.",
            Query(f"count({series(defs.BUILD_INFO)})", "members"),
            "none",
        ),
        replace(
            stat(
                "Versions and settings",
                "How many members run each version, and how many have each hash of the settings. Two of either for longer than a rollout: drift.",
                VERSIONS,
                "none",
                says="both",
            ),
            queries=(VERSIONS, Query(f"count by (hash) ({series(defs.CONFIG_INFO)})", "settings {{hash}}")),
        ),
        stat(
            "Out of the books",
            "Records that the books have lost sight of. Anything but 0 is a defect of the sidecar: please report it.",
            Query(largest(f"abs({series(defs.UNACCOUNTED)})"), "records"),
            "none",
            steps=((1, RED),),
        ),
    ),
)

LATE = Row(
    "Is data late?",
    (
        Panel(
            "Seconds behind",
            "The age of each topic's oldest record without an outcome. A line that rises by a second a second stands still.",
            (Query(largest(series(defs.LAG_SECONDS), "topic"), "{{topic}}"),),
            "s",
            steps=((300, RED),),
        ),
        Panel(
            "Records behind",
            "Records in Kafka and here without an outcome. Many seconds and few records is a partition that stands still; many of both, a backlog.",
            (Query(added(largest(series(defs.LAG_RECORDS), "topic", "partition", "pod"), "topic"), "{{topic}}"),),
            "short",
        ),
        Panel(
            "Time to catch up",
            "Records behind, divided by how fast they become fewer. No line: they do not become fewer, or the group is less than a second behind.",
            (Query(f"{LAG_RECORDS} / ({SHRINKING} > 0) and {largest(series(defs.LAG_SECONDS))} > 1", "at this pace"),),
            "s",
        ),
        Panel(
            "Why: verdicts",
            "How many partitions have each verdict. docs/STATUS.md says of each what to do; /status of the pod has the sentence with its numbers.",
            (Query(added(series(defs.VERDICT), "verdict"), "{{verdict}}"),),
            "none",
            width=12,
            stacked="yes",
            line="steps",
            colours=BY_VERDICT,
        ),
        Panel(
            "Partitions furthest behind",
            "The ten partitions whose oldest record is oldest. Ask the pod: kafka-sidecar status.",
            (
                Query(
                    f"sort_desc(topk(10, {largest(series(defs.LAG_SECONDS), 'topic', 'partition', 'pod')}))",
                    "{{topic}}[{{partition}}]",
                ),
            ),
            "s",
            kind="table",
            width=12,
            columns={"topic": "Topic", "partition": "Partition", "pod": "Pod", "Value": "Behind"},
        ),
    ),
)

FLOW = Row(
    "How does it flow?",
    (
        Panel(
            "Records in and out",
            "Records polled and what came of them, a second. Polled above delivered fills the buffer.",
            (
                Query(added(rate(defs.POLLED)), "polled"),
                Query(added(rate(defs.DELIVERED)), "delivered"),
                Query(added(rate(defs.DROPPED)), "dropped"),
                Query(added(rate(defs.DEAD_LETTERED)), "dead letters"),
            ),
            "rowsps",
            colours={"polled": BLUE, "delivered": GREEN, "dropped": RED, "dead letters": PURPLE},
        ),
        Panel(
            "Flushes by outcome",
            "Calls of the application, a second. retriable and systemic are tried again; poison is isolated.",
            (Query(added(rate(defs.FLUSH_DURATION, suffix="_count"), "outcome"), "{{outcome}}"),),
            "reqps",
            stacked="yes",
            colours=BY_OUTCOME,
        ),
        Panel(
            "Failing flushes",
            "The share of the application's answers that was: not now.",
            (
                Query(
                    f"{added(rate(defs.FLUSH_DURATION, FAILED, suffix='_count'))} / {added(rate(defs.FLUSH_DURATION, suffix='_count'))}",
                    "failing",
                ),
            ),
            "percentunit",
            high=1,
            colours={"failing": RED},
        ),
        Panel(
            "Flush duration",
            "How long a call of the application takes.",
            tuple(Query(quantile(share, defs.FLUSH_DURATION), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
            "s",
        ),
        Panel(
            "Age at delivery",
            "How old records are when the application takes them: what users feel. The line is what counts as late.",
            tuple(Query(quantile(share, defs.RECORD_AGE), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
            "s",
            steps=((60, RED),),
        ),
        Panel(
            "Batch size",
            "Records in a flush.",
            tuple(Query(quantile(share, defs.FLUSH_BATCH), f"p{share * 100:.0f}") for share in (0.5, 0.95)),
            "short",
        ),
    ),
)

LOST = Row(
    "What was dropped?",
    (
        Panel(
            "Dropped, unintended",
            "Records a second that were dropped because the application is too slow (drop_oldest, drop_newest, max_block) or refuses them"
            " (poison). /status/drops of the pod has the offsets.",
            (Query(added(rate(defs.DROPPED, UNINTENDED), "topic", "reason"), "{{topic}}: {{reason}}"),),
            "rowsps",
            stacked="yes",
        ),
        Panel(
            "Dropped on purpose",
            "Records a second that a policy does not want: sampled away, too old (expired), or here for too long (max_wait).",
            (Query(added(rate(defs.DROPPED, INTENDED), "topic", "reason"), "{{topic}}: {{reason}}"),),
            "rowsps",
            stacked="yes",
        ),
        Panel(
            "Share kept",
            "The share of each topic's records that is not dropped, for whatever reason, or is in an overflow topic. Of a topic with sample it is what the sample keeps.",
            (Query(SHARE_KEPT, "{{topic}}"),),
            "percentunit",
            high=1,
        ),
        Panel(
            "Too late",
            "Records a second that were not worth delivering any more: expired (by their timestamps), max_wait (by their time here). The application"
            " is slower than max_age or max_wait allow.",
            (Query(added(rate(defs.DROPPED, TOO_LATE), "topic", "reason"), "{{topic}}: {{reason}}"),),
            "rowsps",
            stacked="yes",
            width=12,
        ),
        Panel(
            "Dead letters",
            "Records a second that went to the dead-letter topic.",
            (Query(added(rate(defs.DEAD_LETTERED), "topic"), "{{topic}}"),),
            "rowsps",
            stacked="yes",
            width=12,
        ),
        Panel(
            "Given back",
            "Records a second that were polled and given back uncommitted: the next owner of their partition polls them again. Nothing is lost.",
            (Query(added(rate(defs.RELEASED), "reason"), "{{reason}}"),),
            "rowsps",
            stacked="yes",
            width=12,
        ),
        Panel(
            "Missed or unreadable",
            "Offsets that Kafka deleted before they were polled, and records whose headers could not be decoded, a second.",
            (
                Query(added(rate(defs.MISSED_OFFSETS), "topic"), "{{topic}}: missed offsets"),
                Query(added(rate(defs.UNREADABLE_HEADERS), "topic"), "{{topic}}: unreadable headers"),
            ),
            "rowsps",
            width=12,
        ),
    ),
)

LIMITS = Row(
    "What is at its limit?",
    (
        Panel(
            "Where the loop's time goes",
            "Shares of the time of the threads that own the Kafka clients. Mostly waiting: there is little to do, or the application is slow; mostly"
            " polling: Kafka is slow; mostly working: the sidecar is at its limit.",
            (Query(added(rate(defs.LOOP_SECONDS), "doing"), "{{doing}}"),),
            "s",
            stacked="share",
            colours=BY_DOING,
        ),
        Panel(
            "Buffer",
            "How full the fullest of the two limits is, by pod. block holds partitions from the high watermark on; the other strategies drop at 100 %.",
            (Query(largest(series(defs.UTILIZATION), "pod"), "{{pod}}"),),
            "percentunit",
            high=1,
        ),
        Panel(
            "Who fills the buffer",
            "Records of each topic that are here, in flight or not. A topic above its share gives way to others first (docs/OVERLOAD.md).",
            (Query(added(series(defs.TOPIC_BUFFERED), "topic"), "{{topic}}"),),
            "short",
            stacked="yes",
        ),
        Panel(
            "Partitions held",
            "How many partitions are held, by reason: no records are taken of them.",
            (Query(added(rate(defs.HOLD_SECONDS), "reason"), "{{reason}}"),),
            "none",
            stacked="yes",
        ),
        Panel(
            "Bytes fetched again",
            "What the Kafka clients fetched, and how much of it they threw away again, by a pause or a seek. Much of it: the buffer is too small for"
            " the fetches.",
            (Query(added(rate(defs.FETCHED)), "fetched"), Query(added(rate(defs.REFETCHED)), "fetched again")),
            "Bps",
            colours={"fetched": BLUE, "fetched again": RED},
        ),
        Panel(
            "Flushes allowed at once",
            "The flush control's choice as a share of SIDECAR_FLUSH__MAX_IN_FLIGHT, by pod. At 100 % while data is late, and nothing queues in the"
            " application: it could take more, and may not.",
            (Query(f"{largest(series(defs.FLUSH_CONCURRENCY), 'pod')} / {largest(series(defs.FLUSH_MOST), 'pod')}", "{{pod}}"),),
            "percentunit",
            high=1,
        ),
        Panel(
            "Turns of the flush control",
            "How often a dial was turned, a second, over all pods. Many up and down of one: the application's pace is not steady.",
            (Query(added(rate(defs.FLUSH_DECISIONS), "dial", "direction"), "{{dial}} {{direction}}"),),
            "ops",
        ),
        Panel(
            "Memory",
            "What each process uses, as a share of the one memory number that its limits follow from.",
            (
                Query(
                    f"{largest(of_process('resident_memory_bytes'), 'pod')} / {largest(series(defs.MEMORY_LIMIT), 'pod')}",
                    "{{pod}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Processor",
            "Cores that each sidecar uses. A throttled one misses heartbeats: compare with its limit.",
            (Query(largest(f"rate({of_process('cpu_seconds_total')}[$__rate_interval])", "pod"), "{{pod}}"),),
            "short",
        ),
    ),
)

GROUP_LIFE = Row(
    "The group",
    (
        Panel(
            "Rebalances",
            "Changes of the assignment in each interval, by kind. lost: a member was thrown out of the group.",
            (Query(added(grown(defs.REBALANCES, over="$__rate_interval"), "kind"), "{{kind}}"),),
            "none",
            colours={"assigned": BLUE, "revoked": ORANGE, "lost": RED},
        ),
        Panel(
            "Assigned partitions",
            "Partitions of each member: they should be alike.",
            (Query(largest(series(defs.ASSIGNED), "pod"), "{{pod}}"),),
            "none",
            stacked="yes",
            line="steps",
        ),
        Panel(
            "Commits",
            "Commits of offsets a second, by result. Failures without successes mean that a restart repeats much.",
            (Query(added(rate(defs.COMMITS), "result"), "{{result}}"),),
            "ops",
            colours={"ok": GREEN, "failed": RED},
        ),
        Panel(
            "Up for",
            "How long each sidecar has run. A line that falls to 0 is a restart, one that begins there a new pod.",
            (Query(f"time() - {largest(STARTED, 'pod')}", "{{pod}}"),),
            "s",
        ),
        Panel(
            "Drains",
            "Drains that ended in each interval, by result, and how long the one under way takes. expired: records were given back.",
            (
                Query(added(grown(defs.DRAINS, over="$__rate_interval"), "result"), "{{result}}"),
                Query(largest(series(defs.DRAIN_SECONDS)), "seconds of the last"),
            ),
            "short",
            colours={"drained": GREEN, "expired": RED},
        ),
        Panel(
            "Trouble with Kafka, or with the application",
            "Members that have trouble with Kafka, and members whose circuit breaker is not closed: the application cannot be reached.",
            (
                Query(added(series(defs.KAFKA_TROUBLE)), "Kafka"),
                Query(f"sum(1 - {series(defs.BREAKER, CLOSED)})", "application"),
            ),
            "none",
            colours={"Kafka": ORANGE, "application": RED},
        ),
    ),
)

OUTSIDE = Row(
    "Seen from outside (where there is an exporter)",
    (
        Panel(
            "Committed lag",
            "What kafka_exporter says of the group. It goes on when no sidecar is there to tell, and counts what is delivered but not committed.",
            (Query('sum by (topic) (kafka_consumergroup_lag{consumergroup=~"$group", topic=~"$topic"})', "{{topic}}"),),
            "short",
            width=12,
        ),
        Panel(
            "Throttled processor time",
            "The share of scheduling periods in which the sidecar's container was throttled (cAdvisor).",
            (
                Query(
                    "sum by (pod) (rate(container_cpu_cfs_throttled_periods_total{%s}[$__rate_interval]))"  # noqa: UP031 -- braces
                    " / sum by (pod) (rate(container_cpu_cfs_periods_total{%s}[$__rate_interval]))" % (CONTAINER, CONTAINER),
                    "{{pod}}",
                ),
            ),
            "percentunit",
            width=12,
        ),
    ),
    collapsed=True,
)

FROM_OUTSIDE = frozenset(
    {"kafka_consumergroup_lag", "container_cpu_cfs_throttled_periods_total", "container_cpu_cfs_periods_total"}
)
"""Metrics that others serve, where they are installed."""

DASHBOARD = Dashboard(
    UID,
    "kafka-sidecar: consumer group",
    "Is data late, why, and what was dropped: all sidecars of one consumer group.",
    (CLUSTER, NAMESPACE, GROUP, Variable("pod", "Pod", PODS, every=None), TOPIC),
    ANNOTATIONS,
    (HOW_IT_IS, LATE, FLOW, LOST, LIMITS, GROUP_LIFE, OUTSIDE),
    links=(("One pod", "/d/kafka-sidecar-pod"),),
)
