"""A clock whose hands the test turns, a downstream that does what it is told, and the sum that must always hold."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from sidecar import FlushResult, Metrics

PATIENCE = 60.0
"""How long a test waits for another thread before it gives up; seconds. Nothing is measured by it."""

Answer = FlushResult | BaseException | str | None


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self._now = 100.0
        self._changed = threading.Condition()
        self._waiting: list[tuple[threading.Condition, float | None]] = []

    def now(self) -> float:
        return self._now

    def wait_until(self, condition: threading.Condition, deadline: float | None) -> None:
        with self._changed:
            if deadline is not None and self._now >= deadline:
                return
            self._waiting.append((condition, deadline))
            self._changed.notify_all()
        condition.wait()

    def advance(self, seconds: float) -> None:
        """Go on, and wake everybody who waits, so that they look at the time."""
        with self._changed:
            self._now += seconds
            waiting, self._waiting = self._waiting, []
        for condition in {condition for condition, _ in waiting}:
            with condition:
                condition.notify_all()

    def await_waiters(self, deadline: float | None, count: int = 1) -> None:
        """Return once ``count`` threads have begun to wait until ``deadline`` since the last advance."""

        def there() -> bool:
            deadlines = [each for _, each in self._waiting]
            near = [each for each in deadlines if each == deadline or (each and deadline and abs(each - deadline) < 1e-6)]
            return len(near) >= count

        with self._changed:
            assert self._changed.wait_for(there, PATIENCE), f"nobody waits until {deadline}: {self._waiting}"

    def await_sleepers(self, count: int) -> None:
        """Return once ``count`` threads have begun to wait since the last advance, for whatever."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._waiting) >= count, PATIENCE), self._waiting


class Downstream:
    """A ``flush`` that keeps what it takes, in order. It waits while ``gate`` is closed, then gives its next answer, if it was told one."""

    def __init__(self, *answers: Answer, gated: bool = False) -> None:
        self.calls: list[list[Any]] = []
        self.taken: list[Any] = []
        self.gate = threading.Event()
        self._answers = deque(answers)
        self._changed = threading.Condition()
        if not gated:
            self.gate.set()

    def __call__(self, items: list[Any]) -> FlushResult | None:
        with self._changed:
            self.calls.append(list(items))
            self._changed.notify_all()
        assert self.gate.wait(PATIENCE)
        answer = self._answers.popleft() if self._answers else None
        if isinstance(answer, BaseException):
            raise answer
        failed = set(answer.failed) if isinstance(answer, FlushResult) else set()
        self.taken += [item for index, item in enumerate(items) if index not in failed]
        items.clear()
        return answer  # type: ignore[return-value] # nonsense is an answer that tests give

    def await_calls(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.calls) >= count, PATIENCE)


class Elsewhere:
    """Runs one call on a thread of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._outcome: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def outcome(self) -> Any:
        """Wait for the call, and return what it returned or the exception that it raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the call does not end"
        return self._outcome

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except BaseException as error:  # noqa: BLE001 -- the test looks at it
            self._outcome = error


def balanced(metrics: Metrics) -> bool:
    """Whether every pushed item is in one place."""
    outcomes = metrics.delivered + sum(metrics.dropped.values()) + metrics.released
    return metrics.unaccounted == 0 and metrics.pushed == outcomes + metrics.buffered + metrics.in_flight
