"""The answers to Kubernetes' three probes, as pure functions of the latest report.

=========== ==================================================================================================
probe       answers yes
=========== ==================================================================================================
startup     once the loop runs (the settings were valid). It never waits for Kafka or the downstream
liveness    unless the loop's heartbeat is older than a limit. Kafka and the downstream never matter: a restart mends
            neither. A drain is bounded by its own deadline and watchdog, so it is alive whatever it takes
readiness   by policy, below; never while draining
=========== ==================================================================================================

A sidecar's readiness is the readiness of the whole pod, and so the application's membership of its Service:

- ``process``: the loop runs.
- ``latched``: it has had partitions of its group once. A bad rollout stops, a Kafka outage later takes no pod out of its Service.
- ``strict``: it has them now, nothing is known to be wrong with Kafka, the breaker is not open, and the application is healthy.

A pause or a quiesce changes nothing: both were asked for, and the application serves on.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sidecar.core.breaker import BreakerState
from sidecar.core.hold_reasons import HoldReason
from sidecar.runtime.report import Report


class Readiness(enum.Enum):
    """When the process calls itself ready."""

    PROCESS = "process"
    LATCHED = "latched"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes or no, and why, for people."""

    yes: bool
    text: str


_STARTING = "the consumer loop has not started yet"
_DRAINED = "it is done, and waits for SIGTERM"


def startup(report: Report | None) -> Answer:
    """Tell whether the loop runs."""
    return Answer(yes=False, text=_STARTING) if report is None else Answer(yes=True, text=report.phase)


def liveness(report: Report | None, now: float, limit: float) -> Answer:
    """Tell whether the loop's heartbeat is at most ``limit`` seconds old at ``now`` (monotonic seconds)."""
    if report is None or _is_leaving(report):
        return Answer(yes=True, text=_STARTING if report is None else report.phase)
    age = now - report.made_at
    if age > limit:
        return Answer(yes=False, text=f"no heartbeat of the consumer loop for {age:.1f} s (limit {limit:g} s)")
    return Answer(yes=True, text=report.phase)


def readiness(report: Report | None, policy: Readiness) -> Answer:
    """Tell whether the process is ready by ``policy``."""
    if report is None:
        return Answer(yes=False, text=_STARTING)
    if _is_leaving(report):
        return Answer(yes=False, text="draining" if report.phase != "drained" else f"draining: {report.waits_for or _DRAINED}")
    obstacle = _OBSTACLES[policy](report)
    return Answer(yes=True, text="ready") if obstacle is None else Answer(yes=False, text=obstacle)


def _is_leaving(report: Report) -> bool:
    return report.engine.draining or report.phase in ("draining", "drained", "stopped")


def _process(_report: Report) -> str | None:
    return None


def _latched(report: Report) -> str | None:
    return None if report.joined else report.waits_for or report.trouble or "waiting for the first assignment of partitions"


def _strict(report: Report) -> str | None:
    flow = report.engine.flow
    if report.waits_for is not None or report.trouble is not None:
        return report.waits_for or report.trouble
    if HoldReason.APP.value in report.engine.asked_holds:
        return f"the application is not healthy: {report.engine.asked_holds[HoldReason.APP.value]}"
    if not report.assigned_now:
        return "no partitions are assigned"
    return f"the downstream is down: {flow.breaker_reason}" if flow.breaker == BreakerState.OPEN.value else None


_OBSTACLES = {Readiness.PROCESS: _process, Readiness.LATCHED: _latched, Readiness.STRICT: _strict}
