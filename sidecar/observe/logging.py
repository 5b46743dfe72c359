"""Log output: one event a line, to standard error, as JSON or for a terminal; the standard library's loggers go the same way.

An event is a dotted name (``state.changed``) with fields. Every line has ``timestamp`` (UTC), ``level`` and ``event``; lines of libraries
have their ``logger``, too. The Kafka client repeats a line twenty times a second while a broker refuses it: that is let through at once, and
then now and then (:mod:`sidecar.observe.kafka_log` tells the same with a count). Tracebacks never show local variables: those can hold payloads and secrets.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

import structlog
from structlog.typing import Processor

from sidecar.observe.repeats import Repeats

NOISY = {"uvicorn": logging.ERROR, "asyncio": logging.WARNING}
"""Loggers of libraries whose information is about themselves, and the level from which on they are heard: uvicorn warns of each request that
is not HTTP, and anyone can send many."""

REPEATING = "librdkafka"
REPEAT_INTERVAL = 10.0
"""The logger whose lines repeat, and how often one is said; seconds."""

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class _Seldom(logging.Filter):
    """Lets a line through that was not said within the interval; how long a connection stood is no difference."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._repeats: Repeats[None] = Repeats(REPEAT_INTERVAL)

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage().partition(" (after ")[0]
        return self._repeats.add(said, None, 1, self._clock()) is not None


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send all logs from ``level`` on (``debug``, ``info``, ``warning``, ``error``) to ``stream``, by default standard error.

    ``form`` is ``json``, ``console``, or ``auto``: console where the stream is a terminal, else JSON. Replaces what was configured before.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(is_console=form == "console" or (form == "auto" and stream.isatty()), colors=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quietest in NOISY.items():
        logging.getLogger(name).setLevel(max(quietest, root.level))
    logging.getLogger(REPEATING).filters[:] = [_Seldom(time.monotonic)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _formatter(*, is_console: bool, colors: bool) -> logging.Formatter:
    """Return what makes a line of an event, whether it comes from us or from a library."""
    rendering: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_console:
        plain = structlog.dev.plain_traceback
        rendering.append(structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain))
    else:
        rendering += [structlog.processors.format_exc_info, _event_first, structlog.processors.JSONRenderer(ensure_ascii=False)]
    foreign: list[Processor] = [*_SHARED, structlog.stdlib.add_logger_name]
    return structlog.stdlib.ProcessorFormatter(processors=rendering, foreign_pre_chain=foreign)


def _event_first(_logger: object, _method: str, event: structlog.typing.EventDict) -> Mapping[str, object]:
    """Put what every line has at its beginning, so that raw JSON can be read by eye."""
    return {name: event[name] for name in ("timestamp", "level", "event") if name in event} | dict(event)
