"""What the controller raises, beside :class:`~sidecar.core.errors.ConfigurationError` for a configuration that cannot work."""

from __future__ import annotations

from sidecar.core.errors import SidecarError


class NotRunningError(SidecarError):
    """The controller was not started yet, or takes nothing more: it drains, or is stopped. The item was not taken."""


class FlushContractError(SidecarError):
    """``flush`` gave an answer that means nothing. Nothing is flushed any more, since a retry might deliver everything twice."""


class DrainExpiredError(SidecarError):
    """A ``with`` block ended and not everything that it pushed could be delivered in time."""
