"""Consumes Kafka for an application: bounded memory, backpressure, and every record accounted for.

The names below are the in-process API, for a producer that is not Kafka (docs/API.md), and what a writer of one's own gets and answers
(``python:``, docs/writers/python.md). Each is imported when it is first used: the command's first act must be
to take the signals, and it is not to wait for modules that it does not need.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sidecar.controller.asynchronous import AsyncBackpressureController
    from sidecar.controller.blocking import BackpressureController
    from sidecar.controller.config import ControllerConfig
    from sidecar.controller.errors import DrainExpiredError, FlushContractError, NotRunningError
    from sidecar.controller.flush import FlushResult
    from sidecar.controller.reports import Drained, Metrics, PushResult
    from sidecar.core.config import Strategy
    from sidecar.core.errors import ConfigurationError, SidecarError
    from sidecar.core.records import Batch, Chunk, TopicPartition
    from sidecar.core.results import (
        Delivered,
        FailureAction,
        Partial,
        Poison,
        RecordFailure,
        Result,
        Retriable,
        Systemic,
        TooLarge,
    )

__all__ = [
    "AsyncBackpressureController",
    "BackpressureController",
    "Batch",
    "Chunk",
    "ConfigurationError",
    "ControllerConfig",
    "Delivered",
    "DrainExpiredError",
    "Drained",
    "FailureAction",
    "FlushContractError",
    "FlushResult",
    "Metrics",
    "NotRunningError",
    "Partial",
    "Poison",
    "PushResult",
    "RecordFailure",
    "Result",
    "Retriable",
    "SidecarError",
    "Strategy",
    "Systemic",
    "TooLarge",
    "TopicPartition",
]

_HOMES = {
    "AsyncBackpressureController": "sidecar.controller.asynchronous",
    "BackpressureController": "sidecar.controller.blocking",
    "Batch": "sidecar.core.records",
    "Chunk": "sidecar.core.records",
    "ConfigurationError": "sidecar.core.errors",
    "ControllerConfig": "sidecar.controller.config",
    "Delivered": "sidecar.core.results",
    "DrainExpiredError": "sidecar.controller.errors",
    "Drained": "sidecar.controller.reports",
    "FailureAction": "sidecar.core.results",
    "FlushContractError": "sidecar.controller.errors",
    "FlushResult": "sidecar.controller.flush",
    "Metrics": "sidecar.controller.reports",
    "NotRunningError": "sidecar.controller.errors",
    "Partial": "sidecar.core.results",
    "Poison": "sidecar.core.results",
    "PushResult": "sidecar.controller.reports",
    "RecordFailure": "sidecar.core.results",
    "Result": "sidecar.core.results",
    "Retriable": "sidecar.core.results",
    "SidecarError": "sidecar.core.errors",
    "Strategy": "sidecar.core.config",
    "Systemic": "sidecar.core.results",
    "TooLarge": "sidecar.core.results",
    "TopicPartition": "sidecar.core.records",
}


if not TYPE_CHECKING:  # a type checker would believe that any name is there

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 -- only when a name is asked for

        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
