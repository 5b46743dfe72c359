"""The dashboard of one pod: what this sidecar does, what it waits for, and what it has chosen."""

from __future__ import annotations

from helm.generate.dashboard_parts import (
    ANNOTATIONS,
    BY_BREAKER,
    BY_DOING,
    BY_OUTCOME,
    BY_STATE,
    CLUSTER,
    GROUP,
    NAMESPACE,
    PODS,
    SHARE_KEPT,
    STARTED,
    TOPIC,
)
from helm.generate.grafana import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Dashboard, Panel, Query, Row, Variable, stat
from helm.generate.promql import added, grown, largest, of_process, quantile, rate, series
from sidecar.observe import metric_defs as defs

UID = "kafka-sidecar-pod"
MEAN_BATCH = f"{added(rate(defs.FLUSH_BATCH, suffix='_sum'))} / {added(rate(defs.FLUSH_BATCH, suffix='_count'))}"
MEAN_FLUSH = f"{added(rate(defs.FLUSH_DURATION, suffix='_sum'))} / {added(rate(defs.FLUSH_DURATION, suffix='_count'))}"


NOW = Row(
    "Now",
    (
        stat(
            "Furthest behind",
            "The age of the oldest record here that has no outcome yet.",
            Query(largest(series(defs.LAG_SECONDS)), "behind"),
            "s",
            steps=((60, YELLOW), (300, RED)),
        ),
        stat(
            "Partitions",
            "Partitions that the group has given to this pod.",
            Query(largest(series(defs.ASSIGNED)), "assigned"),
            "none",
        ),
        stat(
            "Since the last delivery",
            "Seconds since the application took something. Large on a quiet topic: look at Seconds behind.",
            Query(f"time() - {largest(series(defs.LAST_DELIVERY))}", "ago"),
            "s",
        ),
        stat(
            "Out of the books",
            "Records that the books have lost sight of. Anything but 0 is a defect of the sidecar: please report it.",
            Query(largest(f"abs({series(defs.UNACCOUNTED)})"), "records"),
            "none",
            steps=((1, RED),),
        ),
        stat("Up for", "Since the process started.", Query(f"time() - {largest(STARTED)}", "up"), "s"),
        stat(
            "Version",
            "The version of the program.",
            Query(f"count by (version) ({series(defs.BUILD_INFO)})", "{{version}}"),
            "none",
            says="name",
        ),
    ),
)

PARTITIONS = Row(
    "Its partitions",
    (
        Panel(
            "Seconds behind",
            "The age of each partition's oldest record without an outcome.",
            (Query(largest(series(defs.LAG_SECONDS), "topic", "partition"), "{{topic}}[{{partition}}]"),),
            "s",
            width=9,
        ),
        Panel(
            "Records behind",
            "Records of each partition in Kafka and here that have no outcome yet.",
            (Query(largest(series(defs.LAG_RECORDS), "topic", "partition"), "{{topic}}[{{partition}}]"),),
            "short",
            width=9,
        ),
        Panel(
            "Verdicts",
            "Why each partition is where it is. /status has the sentence with its numbers.",
            (Query(f"sort_desc({largest(series(defs.VERDICT), 'topic', 'partition', 'verdict')})", "{{verdict}}"),),
            "none",
            kind="table",
            width=6,
            columns={"topic": "Topic", "partition": "Partition", "verdict": "Verdict"},
        ),
    ),
)

FLUSHES = Row(
    "The application",
    (
        Panel(
            "Records in and out",
            "Records polled and what came of them, a second.",
            (
                Query(added(rate(defs.POLLED)), "polled"),
                Query(added(rate(defs.DELIVERED)), "delivered"),
                Query(added(rate(defs.DROPPED)), "dropped"),
            ),
            "rowsps",
            colours={"polled": BLUE, "delivered": GREEN, "dropped": RED},
        ),
        Panel(
            "Flushes by outcome",
            "Calls of the application, a second.",
            (Query(added(rate(defs.FLUSH_DURATION, suffix="_count"), "outcome"), "{{outcome}}"),),
            "reqps",
            stacked="yes",
            colours=BY_OUTCOME,
        ),
        Panel(
            "Flush duration",
            "How long a call of the application takes: the mean, and the slowest.",
            (
                Query(MEAN_FLUSH, "mean"),
                Query(quantile(0.95, defs.FLUSH_DURATION), "p95"),
                Query(quantile(0.99, defs.FLUSH_DURATION), "p99"),
            ),
            "s",
        ),
        Panel(
            "Batch size",
            "Records in a flush. The controller grows it while the flush duration stays below its target.",
            (
                Query(MEAN_BATCH, "mean"),
                Query(quantile(0.95, defs.FLUSH_BATCH), "p95"),
                Query(largest(series(defs.FLUSH_TARGET)), "full at"),
            ),
            "short",
        ),
        Panel(
            "How long a part-filled batch waits",
            "The controller's choice: longer while the application is slow. A full batch never waits.",
            (Query(largest(series(defs.FLUSH_INTERVAL)), "interval"),),
            "s",
        ),
        Panel(
            "Flushes at once",
            "How many flushes run on average, how many may, how many the settings allow, and how many of them only wait in the application. The controller"
            " keeps those few.",
            (
                Query(added(rate(defs.FLUSH_DURATION, suffix="_sum")), "running"),
                Query(largest(series(defs.FLUSH_CONCURRENCY)), "may run"),
                Query(largest(series(defs.FLUSH_MOST)), "the most"),
                Query(largest(series(defs.FLUSH_QUEUE)), "wait in the application"),
            ),
            "none",
            colours={"running": BLUE, "may run": GREY, "the most": YELLOW, "wait in the application": RED},
        ),
        Panel(
            "What a flush costs",
            "Fitted over flushes that did not wait: what each call costs, and what 1,000 records add. The batch size follows from both. No line: their sizes"
            " were too alike to tell.",
            (
                Query(f"{largest(series(defs.FLUSH_FIXED))} >= 0", "each call"),
                Query(f"1000 * {largest(series(defs.FLUSH_PER_RECORD))} >= 0", "1,000 records"),
            ),
            "s",
        ),
        Panel(
            "Decisions of the flush control",
            "How often a dial was turned, a second. /status/flow tells the latest with their reasons.",
            (Query(added(rate(defs.FLUSH_DECISIONS), "dial", "direction"), "{{dial}} {{direction}}"),),
            "ops",
        ),
        Panel(
            "Circuit breaker",
            "open: the application cannot be reached or refuses everything, and partitions are held. half_open: one small batch probes it.",
            (Query(largest(series(defs.BREAKER), "state"), "{{state}}"),),
            "none",
            stacked="yes",
            line="steps",
            high=1,
            colours=BY_BREAKER,
        ),
        Panel(
            "Next probe",
            "While the circuit breaker is open: in how many seconds the application is probed.",
            (Query(largest(series(defs.NEXT_PROBE)), "next probe"),),
            "s",
        ),
        Panel(
            "Dead letters on their way",
            "Records that wait for the dead-letter topic, and partitions whose dead letter cannot be sent: those are held.",
            (
                Query(largest(series(defs.LETTERS_WAITING)), "waiting"),
                Query(largest(series(defs.LETTERS_BLOCKED)), "partitions blocked"),
            ),
            "none",
            colours={"waiting": YELLOW, "partitions blocked": RED},
        ),
        Panel(
            "Dead letters that may be sent",
            "What deliveries have earned. At 0 a partition with poison is held.",
            (Query(largest(series(defs.LETTER_TOKENS)), "may be sent"),),
            "none",
        ),
        Panel(
            "On the way to overflow topics",
            "Records that wait for an overflow topic's brokers, and whether such a topic does not take them: the partitions that need it are held then.",
            (
                Query(largest(series(defs.OVERFLOW_WAITING)), "waiting"),
                Query(largest(series(defs.OVERFLOW_BLOCKED)), "takes nothing"),
            ),
            "none",
            colours={"waiting": YELLOW, "takes nothing": RED},
        ),
        Panel(
            "Age at delivery",
            "How old records are when the application takes them.",
            tuple(Query(quantile(share, defs.RECORD_AGE), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
            "s",
        ),
        Panel(
            "Dropped",
            "Records a second, by topic and reason. /status/drops has the offsets.",
            (Query(added(rate(defs.DROPPED), "topic", "reason"), "{{topic}}: {{reason}}"),),
            "rowsps",
            stacked="yes",
        ),
        Panel(
            "Share kept",
            "The share of each topic's records that is not dropped, for whatever reason, or is in an overflow topic.",
            (Query(SHARE_KEPT, "{{topic}}"),),
            "percentunit",
            high=1,
        ),
    ),
)

BUFFER = Row(
    "The buffer",
    (
        Panel(
            "Records here",
            "Records that wait for a flush, and records in one.",
            (Query(largest(series(defs.BUFFERED)), "buffered"), Query(largest(series(defs.IN_FLIGHT)), "in flight")),
            "short",
            stacked="yes",
            colours={"buffered": BLUE, "in flight": GREEN},
        ),
        Panel(
            "Who fills the buffer",
            "Records of each topic that are here, in flight or not. A topic above its share gives way to others first (docs/OVERLOAD.md).",
            (Query(largest(series(defs.TOPIC_BUFFERED), "topic"), "{{topic}}"),),
            "short",
            stacked="yes",
        ),
        Panel(
            "Pressure",
            "The fuller of the two limits, records and bytes. From 0.5 on flushes hurry, from 0.8 on block holds, at 1 the others drop.",
            (Query(largest(series(defs.UTILIZATION)), "pressure"),),
            "percentunit",
            high=1,
            steps=((0.5, YELLOW), (0.8, RED)),
        ),
        Panel(
            "State",
            "The backpressure state that holds.",
            (Query(largest(series(defs.STATE), "state"), "{{state}}"),),
            "none",
            stacked="yes",
            line="steps",
            width=12,
            high=1,
            colours=BY_STATE,
        ),
        Panel(
            "Changes of state",
            "Moves from one backpressure state to another in each interval.",
            (Query(f"{added(grown(defs.TRANSITIONS, over='$__rate_interval'), 'from', 'to')} > 0", "{{from}} to {{to}}"),),
            "none",
            width=12,
        ),
        Panel(
            "Memory",
            "What the process uses, what of it the records take, and the one memory number.",
            (
                Query(largest(of_process("resident_memory_bytes")), "process"),
                Query(largest(series(defs.BUFFER_BYTES)), "records"),
                Query(largest(series(defs.MEMORY_LIMIT)), "limit"),
            ),
            "bytes",
            width=12,
            colours={"process": BLUE, "records": GREEN, "limit": RED},
        ),
        Panel(
            "Partitions held",
            "How many partitions are held, by reason.",
            (Query(added(rate(defs.HOLD_SECONDS), "reason"), "{{reason}}"),),
            "none",
            width=12,
            stacked="yes",
        ),
    ),
)

KAFKA = Row(
    "Kafka and the process",
    (
        Panel(
            "Where the loop's time goes",
            "Shares of the time of the thread that owns the Kafka client.",
            (Query(added(rate(defs.LOOP_SECONDS), "doing"), "{{doing}}"),),
            "s",
            stacked="share",
            colours=BY_DOING,
        ),
        Panel(
            "Holds and pauses",
            "How often a partition was held, and how often the client was told to pause, a minute. A pause costs a refetch.",
            (Query(f"60 * {added(rate(defs.HOLDS))}", "holds"), Query(f"60 * {added(rate(defs.PAUSES))}", "pauses")),
            "none",
        ),
        Panel(
            "Bytes fetched again",
            "What the Kafka client fetched, and how much of it it threw away again.",
            (Query(added(rate(defs.FETCHED)), "fetched"), Query(added(rate(defs.REFETCHED)), "fetched again")),
            "Bps",
            colours={"fetched": BLUE, "fetched again": RED},
        ),
        Panel(
            "Commits",
            "Commits of offsets a second, by result.",
            (Query(added(rate(defs.COMMITS), "result"), "{{result}}"),),
            "ops",
            colours={"ok": GREEN, "failed": RED},
        ),
        Panel(
            "Rebalances",
            "Changes of this pod's assignment in each interval, by kind, and whether something with Kafka is in the way.",
            (
                Query(added(grown(defs.REBALANCES, over="$__rate_interval"), "kind"), "{{kind}}"),
                Query(largest(series(defs.KAFKA_TROUBLE)), "trouble"),
            ),
            "none",
            colours={"assigned": BLUE, "revoked": ORANGE, "lost": RED, "trouble": YELLOW},
        ),
        Panel(
            "Drain",
            "How long the drain under way has taken so far, or the last one took, and how long one may take.",
            (Query(largest(series(defs.DRAIN_SECONDS)), "taken"), Query(largest(series(defs.DRAIN_TIMEOUT)), "allowed")),
            "s",
            colours={"taken": BLUE, "allowed": RED},
        ),
        Panel(
            "Processor",
            "Cores that the process uses.",
            (Query(largest(f"rate({of_process('cpu_seconds_total')}[$__rate_interval])"), "cores"),),
            "short",
            width=12,
        ),
        Panel(
            "Open files",
            "Sockets and files that the process has open.",
            (Query(largest(of_process("open_fds")), "open"),),
            "none",
            width=12,
        ),
    ),
)

DASHBOARD = Dashboard(
    UID,
    "kafka-sidecar: one pod",
    "What one sidecar does, what it waits for, and what it has chosen.",
    (CLUSTER, NAMESPACE, GROUP, Variable("pod", "Pod", PODS, many=False), TOPIC),
    ANNOTATIONS,
    (NOW, PARTITIONS, FLUSHES, BUFFER, KAFKA),
    links=(("Consumer group", "/d/kafka-sidecar-group"),),
)
