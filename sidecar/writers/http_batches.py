"""A batch as one request: every body but ``raw``."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sidecar.core.records import Batch, batch_id
from sidecar.core.results import Poison, Result
from sidecar.writers import trace
from sidecar.writers.http_answers import longest, result_of
from sidecar.writers.http_bodies import Body
from sidecar.writers.http_connection import Answer
from sidecar.writers.http_requests import Requests


class BatchWriter:
    """Posts each batch as one ``body``."""

    def __init__(self, requests: Requests, body: Body) -> None:
        self._requests = requests
        self._body = body

    def connect(self, deadline: float) -> None:
        """Open the connection, and say nothing on it."""
        self._requests.open(deadline)

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:
        """Post ``batch`` and return what the answer means."""
        body = self._body.encode(batch)
        if isinstance(body, Poison):
            return body
        headers = {"Content-Type": self._body.content_type, **_about(batch, attempt)}
        answer = self._requests.post(body, headers, deadline, longest(batch))
        return result_of(answer, batch, time.time()) if isinstance(answer, Answer) else answer

    def close(self) -> None:
        """Close the connection."""
        self._requests.close()


def _about(batch: Batch, attempt: int) -> Mapping[str, str]:
    """Return the headers that tell one request from another. A batch of one goes in that record's own trace."""
    name = batch_id(batch)
    headers = batch.chunks[0].headers if batch.records == 1 else None
    return {
        "Idempotency-Key": name,
        "Sidecar-Attempt": str(attempt),
        "Sidecar-Records": str(batch.records),
        **(trace.carried(headers[0] if headers else None) or trace.made(name)),
    }
