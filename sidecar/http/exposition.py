"""The text of `/metrics`, made at most once for each report and each format, so that many scrapers cost as much as one.

What is kept is a second old at most: a report that is not replaced (the loop is stuck) must not make the age of records stand still.

There are two formats: OpenMetrics for who names it, else the plain one. What else a client writes into its ``Accept`` header is not
looked at, so no header is too odd for an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

KEPT_FOR = 1.0
"""Seconds."""

OPENMETRICS = "application/openmetrics-text"
_ACCEPTS = {OPENMETRICS: f"{OPENMETRICS}; version=1.0.0", "text/plain": ""}


class Page(NamedTuple):
    """A body and its content type."""

    body: bytes
    content_type: str


class Exposition:
    """Serves ``registry``, whose values change with ``version()`` (compared by identity; None: keep nothing). For one thread."""

    def __init__(self, registry: CollectorRegistry, version: Callable[[], object], clock: Callable[[], float]) -> None:
        """``clock`` is monotonic seconds."""
        self._registry = registry
        self._version = version
        self._clock = clock
        self._pages: dict[str, Page] = {}
        self._of: object = None
        self._since = clock()

    def page(self, accept: str) -> Page:
        """Return the page in the format that the ``Accept`` header asks for."""
        self._forget_what_is_old()
        kind = OPENMETRICS if OPENMETRICS in accept else "text/plain"
        page = self._pages.get(kind)
        if page is None:
            encode, content_type = choose_encoder(_ACCEPTS[kind])
            page = self._pages[kind] = Page(encode(self._registry), content_type)
        return page

    def _forget_what_is_old(self) -> None:
        version, now = self._version(), self._clock()
        if version is None or version is not self._of or now - self._since >= KEPT_FOR:
            self._pages, self._of, self._since = {}, version, now
