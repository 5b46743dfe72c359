"""How a controller is configured: frozen values with the defaults of the documentation, checked when they are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from sidecar.core.config import EngineConfig, FlushLimits, Policy, RetryLimits, Strategy
from sidecar.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """Limits, strategy and times; times in seconds, sizes in bytes.

    ``max_items`` and ``max_bytes`` limit what is buffered and in flight together; ``high_watermark`` and ``low_watermark`` are shares of them.
    ``strategy`` says what happens when that is not enough: a :class:`~sidecar.core.config.Strategy` or its value, such as ``"drop_oldest"``.
    ``max_block`` is how long one push waits under ``block``, ``sample_rate`` the N of ``sample``, which keeps 1 in N.
    Batches begin at ``first_batch`` items and are then chosen up to ``max_batch`` so that a flush takes about ``target_latency``.
    A part-filled batch waits ``min_interval`` at first, and never longer than ``max_interval``. A failed one is tried again after a random time
    below ``retry_max_wait``. ``drain_timeout`` is how long a drain takes at most that is given no time of its own.

    Raises ConfigurationError, which lists every problem.
    """

    max_items: int = 10_000
    max_bytes: int = 64 * 1024 * 1024
    high_watermark: float = 0.8
    low_watermark: float = 0.5
    strategy: Strategy | str = Strategy.BLOCK
    max_block: float = 5.0
    sample_rate: int = 10
    first_batch: int = 100
    max_batch: int = 10_000
    min_interval: float = 0.1
    max_interval: float = 30.0
    target_latency: float = 0.5
    retry_max_wait: float = 60.0
    drain_timeout: float = 25.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        problems = [*self._counts(), *self._times(), *self._pairs()]
        if problems:
            raise ConfigurationError("; ".join(problems))

    def engine(self) -> EngineConfig:
        """Return the engine's configuration: one lane, one flush at a time, so that order is kept.

        The engine's own ``max_block`` is its patience with a partition; here patience is that of each push, and ends there.
        """
        policy = Policy(Strategy(self.strategy), self.sample_rate)
        return EngineConfig(
            max_messages=self.max_items,
            max_bytes=self.max_bytes,
            high_watermark=self.high_watermark,
            low_watermark=self.low_watermark,
            policy=lambda _topic: policy,
            flush=FlushLimits(
                first_batch=self.first_batch,
                max_batch=self.max_batch,
                min_interval=self.min_interval,
                max_interval=self.max_interval,
                target_latency=self.target_latency,
                max_in_flight=1,
            ),
            retry=RetryLimits(max_wait=self.retry_max_wait),
        )

    def _counts(self) -> Iterator[str]:
        for name in ("max_items", "max_bytes", "sample_rate", "first_batch", "max_batch"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                yield f"{name} is {value!r}: give a whole number of at least 1"

    def _times(self) -> Iterator[str]:
        for name in ("max_block", "min_interval", "max_interval", "drain_timeout"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                yield f"{name} is {value!r}: give seconds, 0 or more"
        for name in ("target_latency", "retry_max_wait"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                yield f"{name} is {value!r}: give seconds above 0"

    def _pairs(self) -> Iterator[str]:
        if not 0 < self.low_watermark < self.high_watermark <= 1:
            yield f"watermarks are {self.low_watermark!r} and {self.high_watermark!r}: give 0 < low_watermark < high_watermark <= 1"
        if self.min_interval > self.max_interval:
            yield f"min_interval {self.min_interval!r} is above max_interval {self.max_interval!r}"
        strategies = [strategy.value for strategy in Strategy]
        if self.strategy not in strategies and self.strategy not in list(Strategy):
            yield f"strategy is {self.strategy!r}: give one of {', '.join(strategies)}"
