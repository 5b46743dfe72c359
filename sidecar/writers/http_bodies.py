"""The bodies that hold a whole batch, by the name of the option: what encodes them, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sidecar.core.records import Batch
from sidecar.core.results import Poison
from sidecar.writers import cloudevents, json_array, ndjson, values


@dataclass(frozen=True, slots=True)
class Body:
    """A kind of body, made in pieces; ``reads_headers`` tells whether something of the records' headers is in it, or goes with it."""

    content_type: str
    encode: Callable[[Batch], Sequence[bytes] | Poison]
    reads_headers: bool = True


def of_batches(event_source: str, event_type: str) -> Mapping[str, Body]:
    """Return the bodies; what CloudEvents are called is given."""
    return {
        "ndjson": Body("application/x-ndjson", ndjson.encode),
        "values": Body("application/octet-stream", values.encode, reads_headers=False),
        "json": Body("application/json", json_array.encode),
        "cloudevents": Body(cloudevents.CONTENT_TYPE, cloudevents.encoder(event_source, event_type)),
    }
