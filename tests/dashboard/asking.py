"""The expressions of a dashboard as Grafana would ask them: the reader's choices, and the intervals, put in."""

from __future__ import annotations

import re

from helm.generate.grafana import Dashboard
from tests.dashboard.play import NAMESPACE, Played
from tests.parts.prometheus import Series

RATE_INTERVAL = "6s"
"""What Grafana takes at a scrape each second is four of them at least."""


def with_choices(played: Played, dashboard: Dashboard, expr: str, interval: str = RATE_INTERVAL) -> str:
    """Return ``expr`` with all chosen, or (of one pod) the pod that is there from the beginning to the end."""
    one = dashboard.uid == "kafka-sidecar-pod"
    choices = {
        "cluster": ".*",
        "namespace": NAMESPACE,
        "group": played.group,
        "topic": ".*",
        "pod": played.pod if one else "billing-1|billing-2|billing-3",
        "__rate_interval": interval,
        "__interval": interval,
        "__range": f"{max(1, round(played.end - played.begin))}s",
    }
    return re.sub(r"\$(\w+)", lambda match: choices[match[1]], expr)


def asked_range(
    played: Played, dashboard: Dashboard, expr: str, step: float = 1.0, interval: str = RATE_INTERVAL
) -> list[Series]:
    """Return what the whole play gives."""
    return played.prometheus.query_range(with_choices(played, dashboard, expr, interval), played.begin, played.end, step)
