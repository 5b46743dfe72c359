"""PromQL from the declarations of the metrics, so that an expression cannot name a metric or a label that there is not.

Every selector is narrowed to what the reader of a dashboard chose: cluster, namespace, pods, and topics where the metric has them.
"""

from __future__ import annotations

import re

from sidecar.observe.metric_defs import MetricDef

CHOSEN = ('cluster=~"$cluster"', 'namespace=~"$namespace"', 'pod=~"$pod"')
CHOSEN_TOPICS = 'topic=~"$topic"'
OF_TARGETS = frozenset({"cluster", "namespace", "pod", "job", "instance", "container"})
OF_A_BUCKET = "le"
OF_THE_PROCESS = frozenset({"cpu_seconds_total", "open_fds", "resident_memory_bytes", "start_time_seconds"})


def series(metric: MetricDef, *where: str, suffix: str = "") -> str:
    """Return the selector of ``metric``; ``where`` are further matchers, ``suffix`` is a histogram's ``_bucket``, ``_count`` or ``_sum``."""
    known = {*metric.labels, *OF_TARGETS, OF_A_BUCKET}
    if unknown := {label for label in map(_label, where) if label not in known}:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
    topics = (CHOSEN_TOPICS,) if "topic" in metric.labels else ()
    return f"{metric.name}{suffix}{{{', '.join((*CHOSEN, *topics, *where))}}}"


def of_process(name: str) -> str:
    """Return the selector of one of the metrics that every Python process serves."""
    if name not in OF_THE_PROCESS:
        raise ValueError(f"there is no {name} among {', '.join(sorted(OF_THE_PROCESS))}")
    return f"process_{name}{{{', '.join(CHOSEN)}}}"


def rate(metric: MetricDef, *where: str, suffix: str = "") -> str:
    """Return the rate of a counter."""
    return f"rate({series(metric, *where, suffix=suffix)}[$__rate_interval])"


def grown(metric: MetricDef, *where: str, suffix: str = "", over: str = "$__range") -> str:
    """Return by how much a counter has grown."""
    return f"increase({series(metric, *where, suffix=suffix)}[{over}])"


def added(expr: str, *by: str) -> str:
    """Return the sum of ``expr``, by these labels."""
    return f"sum by ({', '.join(by)}) ({expr})" if by else f"sum({expr})"


def largest(expr: str, *by: str) -> str:
    """Return the largest of ``expr``, by these labels."""
    return f"max by ({', '.join(by)}) ({expr})" if by else f"max({expr})"


def quantile(share: float, metric: MetricDef) -> str:
    """Return a quantile of a histogram."""
    return f"histogram_quantile({share}, {added(rate(metric, suffix='_bucket'), 'le')})"


def _label(matcher: str) -> str:
    name = re.match(r"[a-z_]+", matcher)
    if name is None:
        raise ValueError(f"{matcher} is no matcher")
    return name[0]
