"""Consumes Kafka for an application: bounded memory, backpressure, and every record accounted for.

The names below are the in-process API, for a producer that is not Kafka. Each is imported when it is first used: the command's first act must be
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

__all__ = [
    "AsyncBackpressureController",
    "BackpressureController",
    "ConfigurationError",
    "ControllerConfig",
    "DrainExpiredError",
    "Drained",
    "FlushContractError",
    "FlushResult",
    "Metrics",
    "NotRunningError",
    "PushResult",
    "SidecarError",
    "Strategy",
]

_HOMES = {
    "AsyncBackpressureController": "sidecar.controller.asynchronous",
    "BackpressureController": "sidecar.controller.blocking",
    "ConfigurationError": "sidecar.core.errors",
    "ControllerConfig": "sidecar.controller.config",
    "DrainExpiredError": "sidecar.controller.errors",
    "Drained": "sidecar.controller.reports",
    "FlushContractError": "sidecar.controller.errors",
    "FlushResult": "sidecar.controller.flush",
    "Metrics": "sidecar.controller.reports",
    "NotRunningError": "sidecar.controller.errors",
    "PushResult": "sidecar.controller.reports",
    "SidecarError": "sidecar.core.errors",
    "Strategy": "sidecar.core.config",
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
