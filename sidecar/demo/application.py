"""A slow application: takes NDJSON over HTTP, works on one record after the other, and remembers the ids it has seen."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec


class Served:
    """An application that is served on a free port of the loopback address: ``take`` works on the lines of a request."""

    name = "application"

    def __init__(self, take: Callable[[list[bytes]], None]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(take))
        self._thread = threading.Thread(target=self._server.serve_forever, name="application", daemon=True)

    @property
    def settings(self) -> Mapping[str, str]:
        """The sidecar's settings for it."""
        return {"SIDECAR_WRITER__URL": f"http://127.0.0.1:{self._server.server_port}/records"}

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class SlowApplication(Served):
    """Works on one record after the other; ``seconds_per_record`` is what its work takes."""

    def __init__(self, seconds_per_record: float) -> None:
        self.taken = 0
        self.duplicates = 0
        self.taken_by_topic: Counter[str] = Counter()
        self._seconds_per_record = seconds_per_record
        self._seen: set[int] = set()
        self._one_at_a_time = threading.Lock()
        super().__init__(self.take)

    @property
    def unique(self) -> int:
        """How many different records it took."""
        return len(self._seen)

    def take(self, lines: list[bytes]) -> None:
        """Work on the records of one request."""
        with self._one_at_a_time:
            time.sleep(self._seconds_per_record * len(lines))
            for line in lines:
                record = msgspec.json.decode(line)
                number = record["value"]["id"]
                self.taken += 1
                self.taken_by_topic[record["topic"]] += 1
                self.duplicates += number in self._seen
                self._seen.add(number)


def _handler(take: Callable[[list[bytes]], None]) -> type[BaseHTTPRequestHandler]:
    """Return a handler that answers 204 once ``take`` has worked on the lines of a request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            take(self.rfile.read(int(self.headers["Content-Length"])).splitlines())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Write nothing: the progress is on the terminal."""

    return Handler
