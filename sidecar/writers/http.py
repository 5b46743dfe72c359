"""``http://``, ``https://`` and ``http+unix://``: each batch is one POST request to the application.

What is sent and what the answers mean is the HTTP contract (docs/HTTP.md): the bodies are made by
:mod:`sidecar.writers.ndjson` and :mod:`sidecar.writers.values`, the answers read by :mod:`sidecar.writers.http_answers`.
"""

from __future__ import annotations

import http.client
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch, batch_id
from sidecar.core.results import Poison, Result, Retriable, Systemic
from sidecar.writers import http_target, ndjson, values
from sidecar.writers.http_answers import longest, result_of
from sidecar.writers.http_connection import Connection
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Surroundings, WriterKind

OPTIONS: Options = {
    "body": Option(
        "choice",
        "ndjson",
        "what a request holds: `ndjson`, a JSON object a line with the record and its place, or `values`, the payloads alone, one a line",
        choices=("ndjson", "values"),
        later=("json", "raw", "cloudevents"),
    ),
}

Encode = Callable[[Batch], bytes | Poison]

_ENCODE: Mapping[Value, Encode] = {"ndjson": ndjson.encode, "values": values.encode}
_CONTENT_TYPE = {"ndjson": "application/x-ndjson", "values": "application/octet-stream"}


class HttpWriter:
    """Posts batches on one connection; ``headers`` go with each of them."""

    def __init__(self, connection: Connection, encode: Encode, headers: Mapping[str, str]) -> None:
        self._connection = connection
        self._encode = encode
        self._headers = headers

    def connect(self, deadline: float) -> None:
        """Open the connection, and say nothing on it."""
        try:
            self._connection.open(deadline)
        except TimeoutError as error:
            raise WriterUnavailable(str(error)) from error

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:
        """Post ``batch`` and return what the answer means."""
        body = self._encode(batch)
        if isinstance(body, Poison):
            return body
        try:
            answer = self._connection.post(body, {**self._headers, **_about(batch, attempt)}, deadline, longest(batch))
        except WriterUnavailable as error:
            return Systemic(str(error))
        except TimeoutError as error:
            return Retriable(str(error))
        except OSError as error:
            return Retriable(f"the connection was lost ({type(error).__name__})")
        except http.client.HTTPException as error:
            return Retriable(f"the answer is cut short or not HTTP ({type(error).__name__})")
        return result_of(answer, batch, time.time())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def kind(url: str, options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    """Return the writer for ``url``; raises ConfigurationError."""
    target = http_target.parse(url)
    tls = ssl.create_default_context() if target.tls else None
    body = str(options["body"])
    headers = {"Content-Type": _CONTENT_TYPE[body], "User-Agent": f"kafka-sidecar/{version('kafka-sidecar')}"}
    if target.authorization is not None:
        headers["Authorization"] = target.authorization
    create = partial(_create, target, tls, _ENCODE[body], headers)
    return WriterKind(target.name, create, max_in_flight=None, needs_headers=body == "ndjson")


def _create(target: http_target.Target, tls: ssl.SSLContext | None, encode: Encode, headers: Mapping[str, str]) -> HttpWriter:
    return HttpWriter(Connection(target, tls), encode, headers)


def _about(batch: Batch, attempt: int) -> Mapping[str, str]:
    """Return the headers that tell one request from another. The trace is the batch, each attempt a span of its own."""
    name = batch_id(batch)
    return {
        "Idempotency-Key": name,
        "traceparent": f"00-{name}-{secrets.token_hex(8)}-01",
        "Sidecar-Attempt": str(attempt),
        "Sidecar-Records": str(batch.records),
    }
