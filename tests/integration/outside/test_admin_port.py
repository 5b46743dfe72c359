"""The admin port under those who mean no good, while the sidecar has its work to do."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

from tests.integration.lifecycle.scene import drain, scene
from tests.parts.kafka import RealKafka

SCRAPES = 1_000
SLOW = 300
ODD = [
    b"\x00" * 1000,
    b"GET /" + b"x" * 100_000,
    b"POST /drain?terminal HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.9\r\nConnection: close\r\n\r\n",
    b"POST /drain HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"DELETE /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
]


def read(sock: socket.socket) -> bytes:
    """Return what comes until the other side ends it."""
    received = b""
    try:
        while part := sock.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def test_a_thousand_scrapes_slow_requests_and_nonsense_leave_the_loop_to_its_work(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, records=5_000) as it, it.sidecar() as sidecar, ExitStack() as open_ones:

        def connect() -> socket.socket:
            return open_ones.enter_context(socket.create_connection(("127.0.0.1", sidecar.port), timeout=60))

        it.wait_taken(5_000)
        slow = [connect() for _ in range(SLOW)]
        for sock in slow:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        odd = [connect() for _ in ODD]
        for sock, sent in zip(odd, ODD, strict=True):
            sock.sendall(sent)
        it.produce(5_000)
        scrapes = [connect() for _ in range(SCRAPES)]
        for sock in scrapes:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert {read(sock)[:15] for sock in scrapes} == {b"HTTP/1.1 200 OK"}
        it.wait_taken(10_000)
        assert {path: sidecar.get(path)[0] for path in ("/livez", "/readyz", "/status")} == dict.fromkeys(
            ("/livez", "/readyz", "/status"), 200
        )
        assert [read(sock).split()[1] for sock in odd] == [b"400", b"400", b"403", b"413", b"404", b"405"]
        assert {read(sock)[:12] for sock in slow} == {b"HTTP/1.1 408"}
        assert sidecar.metric("sidecar_rebalances_total", kind="assigned") == 1
        assert sidecar.metric("sidecar_rebalances_total", kind="lost") == 0
        warned = [line["event"] for line in sidecar.events() if line["level"] in ("warning", "error")]
        assert warned == ["action.refused"]
        drain(sidecar)
        it.assert_all_taken_once()
