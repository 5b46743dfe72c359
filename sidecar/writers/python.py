"""``python:package.module:callable``: a function or a class of the user's own is the writer, in this process.

A function is called with each batch (:class:`~sidecar.core.records.Batch`). Of a class an object is made for each flusher thread, without
arguments, when it is first needed; its ``write`` is called with each batch, its ``close``, if it has one, at the end. Each of them may be
``async``: a flusher thread has one event loop for all its calls, which runs only while one of them does.

======================================== ========== ==================================================================================
what the code does                       result     why
======================================== ========== ==================================================================================
returns None, or ``Delivered``           Delivered
returns ``Partial``                      Partial    Delivered where it names no record
returns ``Retriable``, ``Poison``,       the same
``TooLarge`` or ``Systemic``
returns anything else, or names what is  Systemic   a mistake in the program: nobody can say what was taken, and no other batch will
no record of the batch                              be answered better
raises an exception                      Retriable  it proves nothing against the records: a downstream that is away and a bug look
                                                    the same. So nothing is lost, and a bug is repeated, and told, until it is mended
is async, and not done at the deadline   Retriable  it is cancelled
cannot make the object of its class      Systemic   no batch can be written; the next one tries again
======================================== ========== ==================================================================================

A call that is not async cannot be interrupted, and is not given up: beside the next attempt it would write out of order. So it runs on past
its deadline, and its answer counts when it comes.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

import structlog

from sidecar.core.errors import ConfigurationError, WriterUnavailable
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import (
    Delivered,
    FailureAction,
    Partial,
    Poison,
    RecordFailure,
    Result,
    Retriable,
    Said,
    Systemic,
    TooLarge,
)
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Surroundings, WriterKind
from sidecar.writers.python_code import Code, load

OPTIONS: Options = {
    "concurrency": Option(
        "count", 1, "how many calls may run at once, each on a thread of its own, never two with records of one partition"
    ),
    "headers": Option("switch", default=True, help="read the records' headers, which costs time on each record"),
}

_log = structlog.get_logger(__name__)


class _Late(Exception):  # noqa: N818 -- what happened
    """An async call was cancelled at its deadline."""


class PythonWriter:
    """Calls ``code``, and keeps the object that it makes of a class."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._made: Any = None
        self._call: Callable[[Batch], object] | None = None if inspect.isclass(code.target) else code.target
        self._runner: asyncio.Runner | None = None

    def connect(self, deadline: float) -> None:  # noqa: ARG002 -- the Protocol's; what makes an object cannot be interrupted
        """Make the object, where the code is a class."""
        try:
            self._callable()
        except Exception as error:  # the code of others
            raise WriterUnavailable(self._code.why(error)) from error

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the Protocol's
        """Call the code with ``batch``, and return what its answer means."""
        try:
            call = self._callable()
        except Exception as error:  # noqa: BLE001 -- the code of others
            return Systemic(self._code.why(error))
        try:
            answer = self._finished(call(batch), deadline)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the code of others
            late = isinstance(error, _Late)
            why = f"{self._code.name}: not done in time, cancelled" if late else self._code.why(error)
            _let_go(error)
            return Retriable(why)
        meaning: Result = _sayable(self._meaning(answer, batch))
        return meaning

    def close(self) -> None:
        """Close the object, if it can be closed, and end the event loop."""
        made, self._made = self._made, None
        if made is not None:
            self._call = None
            self._close(lambda: self._finished(getattr(made, "close", _nothing)(), None))
        if self._runner is not None:
            self._close(self._runner.close)
            self._runner = None

    def _callable(self) -> Callable[[Batch], object]:
        if self._call is None:
            self._made = self._code.target()
            self._call = self._made.write
        return self._call

    def _finished(self, answer: object, deadline: float | None) -> object:
        """Return ``answer``, or what it comes to where it is to be awaited; raises _Late."""
        if not inspect.isawaitable(answer):
            return answer
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(_awaited(answer, deadline))

    def _close(self, end: Callable[[], object]) -> None:
        try:
            end()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the code of others, and nothing depends on it any more
            _log.warning("writer.python.not_closed", reason=self._code.why(error))

    def _meaning(self, answer: object, batch: Batch) -> Result:
        match answer:
            case None | Partial(failures=()):
                return Delivered()
            case Delivered():
                return answer
            case Retriable(str(), None | int() | float(), bool(), Said(str(), str())) | TooLarge(str()) | Systemic(str()):
                return answer
            case Partial(tuple(failures), None | int() | float(), Said(str(), str())) | Poison(
                str(), tuple(failures), Said(str(), str())
            ):
                strange = _strange(failures, batch)
                return answer if strange is None else Systemic(f"{self._code.name}: {strange}")
            case _:
                returned = f"{type(answer).__module__}.{type(answer).__qualname__}"
                return Systemic(
                    f"{self._code.name}: it returned a {returned}; return None, or a result of sidecar with what it declares"
                )


def kind(url: str, options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    """Import the code, and return the writer; raises ConfigurationError."""
    code = load(url.partition(":")[2])
    concurrency = int(options["concurrency"])
    if concurrency < 1:
        raise ConfigurationError("SIDECAR_WRITER__CONCURRENCY: must be at least 1")
    return WriterKind(
        f"python:{code.name}", partial(PythonWriter, code), max_in_flight=concurrency, needs_headers=bool(options["headers"])
    )


async def _awaited(answer: Awaitable[object], deadline: float | None) -> object:
    left = None if deadline is None else deadline - time.monotonic()
    try:
        async with asyncio.timeout(left) as limit:
            return await answer
    except TimeoutError:
        if limit.expired():
            raise _Late from None
        raise


def _strange(failures: tuple[object, ...], batch: Batch) -> str | None:
    """Return what is wrong with ``failures``; None where each is a record of ``batch``."""
    places = {(chunk.tp, offset) for chunk in batch.chunks for offset in chunk.offsets}
    for failure in failures:
        match failure:
            case RecordFailure(TopicPartition() as tp, int(offset), FailureAction(), str()):
                if (tp, offset) not in places:
                    return f"it returned a failure of {tp} offset {offset}, which is not in the batch"
            case _:
                return "it returned failures that are not each a RecordFailure with what it declares"
    return None


def _sayable(value: Any) -> Any:
    """Return ``value`` with each text in it as UTF-8 can have it: logs, pages and dead letters are written so, and what was decoded with ``surrogateescape`` cannot."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case tuple() if not isinstance(value, TopicPartition):
            return tuple(map(_sayable, value))
        case Retriable() | TooLarge() | Systemic() | Partial() | Poison() | RecordFailure() | Said():
            return replace(value, **{part.name: _sayable(getattr(value, part.name)) for part in fields(value)})
        case _:
            return value


def _let_go(error: BaseException) -> None:
    """Take the tracebacks off ``error`` and all that it came of: tasks name their errors, and in that cycle the batch would live on until a collection, and those are rare.

    Their frames stay as they are: one may be that of a task which waits for its next item, and to clear it would end the task.
    """
    done: dict[int, BaseException] = {}
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None and id(link) not in done:
            done[id(link)] = link
            link.__traceback__ = None
            links += [link.__context__, link.__cause__]
            links += link.exceptions if isinstance(link, BaseExceptionGroup) else ()


def _nothing() -> None:
    """Close what cannot be closed."""
