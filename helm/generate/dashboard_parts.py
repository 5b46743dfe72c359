"""What the dashboards have in common: what the reader can choose, and what is marked in every panel."""

from __future__ import annotations

from collections.abc import Callable

from helm.generate.grafana import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW, Annotation, Variable
from helm.generate.promql import added, grown, of_process, rate, series
from sidecar.observe import metric_defs as defs
from sidecar.observe.metric_defs import MetricDef

HERE = 'cluster=~"$cluster", namespace=~"$namespace"'
STARTED = of_process("start_time_seconds")

CLUSTER = Variable("cluster", "Cluster", f"label_values({defs.BUILD_INFO.name}, cluster)")
NAMESPACE = Variable("namespace", "Namespace", f'label_values({defs.BUILD_INFO.name}{{cluster=~"$cluster"}}, namespace)')
GROUP = Variable("group", "Consumer group", f"label_values({defs.CONFIG_INFO.name}{{{HERE}}}, group)", many=False)
PODS = f'label_values({defs.CONFIG_INFO.name}{{{HERE}, group=~"$group"}}, pod)'
TOPIC = Variable("topic", "Topic", f'label_values({defs.POLLED.name}{{{HERE}, pod=~"$pod"}}, topic)')


def ended(growth: Callable[[MetricDef], str], *by: str) -> str:
    """Return the ``growth`` of the records that came to an end. Shares of what is dropped are of these: what was polled is other records, and may be fewer."""
    return f"({' + '.join(added(growth(end), *by) for end in (defs.DELIVERED, defs.DEAD_LETTERED, defs.DROPPED))})"


LOST = 'intent!="diverted"'
SHARE_KEPT = f"1 - {added(rate(defs.DROPPED, LOST), 'topic')} / {ended(rate, 'topic')}"
"""By topic; what is in an overflow topic is kept there."""

REBALANCED = added(grown(defs.REBALANCES, over="$__interval"), "pod")
DRAINING = series(defs.STATE, 'state="draining"')

ANNOTATIONS = (
    Annotation("Rebalances", f"{REBALANCED} > 0", "rebalance: {{pod}}", PURPLE),
    Annotation("Starts", f"changes({STARTED}[$__interval]) > 0", "restart: {{pod}}", BLUE),
    Annotation("Drains", f"{DRAINING} == 1", "drain: {{pod}}", ORANGE),
)

BY_OUTCOME = {
    "delivered": GREEN,
    "partial": YELLOW,
    "retriable": ORANGE,
    "systemic": RED,
    "poison": PURPLE,
    "too_large": GREY,
    "fenced": BLUE,
}
BY_DOING = {"working": BLUE, "polling": PURPLE, "waiting": GREY}
BY_STATE = {"normal": GREEN, "elevated": YELLOW, "critical": ORANGE, "blocked": RED, "draining": GREY}
BY_BREAKER = {"closed": GREEN, "half_open": YELLOW, "open": RED}
BY_VERDICT = {
    "ok": GREEN,
    "idle": GREY,
    "catching_up": BLUE,
    "rebalancing": PURPLE,
    "held_by_operator": "#ca95e5",
    "rate_limited": "#fff899",
    "downstream_slow": YELLOW,
    "under_provisioned": ORANGE,
    "broker_stall": "#b5651d",
    "downstream_down": RED,
    "poison_head": "#c4162a",
    "stuck": "#8f1022",
}
"""From good to bad, each a colour of its own."""
