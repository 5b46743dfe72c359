"""The live page under 500 partitions: what viewers cost the sidecar, and what the page costs its browser.

A real sidecar consumes 500 partitions to ``discard:`` while a few records a second come to each. Its CPU time is read
with nobody watching and with ten who read the stream; the difference, by viewer, is the cost. Then one real browser shows the page.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import expect

from benchmarks.measure import Bench
from benchmarks.table import Row
from tests.parts.browser import chromium
from tests.parts.environ import sidecar_environ
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name, produce_numbered

PARTITIONS = 500
PACE = 1_500
SECONDS = 20.0
VIEWERS = 10
TICKS = os.sysconf("SC_CLK_TCK")


def viewers(bench: Bench) -> list[Row]:
    """Measure the page of 500 partitions."""
    topic = fresh_name("page")
    create_topic(bench.bootstrap, topic, PARTITIONS)
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder:
        environ = sidecar_environ(bench.bootstrap, topic, "discard:")
        with SidecarProcess(environ, Path(folder)) as sidecar, _traffic(bench.bootstrap, topic):
            sidecar.wait_status(
                lambda status: len(status["partitions"]) == PARTITIONS and status["books"]["delivered"], "records flow"
            )
            pid = sidecar.child.pid
            alone = _cpu(pid)
            with _reading(sidecar.port, 1) as got:
                one, size = _cpu(pid), got
            with _reading(sidecar.port, VIEWERS):
                ten = _cpu(pid)
            page, cells = _page(sidecar.port)
    first, more = one - alone, (ten - one) / (VIEWERS - 1)
    return [
        Row(f"live page, {PARTITIONS} partitions: the stream", f"{sum(size) / SECONDS / 1024:,.0f} KiB a second and viewer"),
        Row(f"live page, {PARTITIONS} partitions: CPU of the sidecar, nobody watches", f"{alone:.2%} of a core"),
        Row("live page: the first viewer adds (it has the frames made)", f"{first:.2%} of a core", "<= 1 %", first <= 0.01),  # noqa: PLR2004
        Row("live page: each further viewer adds", f"{more:.2%} of a core", "<= 1 %", more <= 0.01),  # noqa: PLR2004
        Row(f"live page: main thread of the browser, {cells:,} rows", f"{page:.1%} of a core"),
    ]


def _cpu(pid: int) -> float:
    """Return the share of a core that the process takes over the next seconds."""
    before, began = _seconds_of(pid), time.monotonic()
    time.sleep(SECONDS)
    return (_seconds_of(pid) - before) / (time.monotonic() - began)


def _seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def _traffic(bootstrap: str, topic: str) -> Iterator[None]:
    over = threading.Event()

    def produce() -> None:
        number = 0
        while not over.wait(1.0):
            produce_numbered(bootstrap, topic, range(number, number + PACE), PARTITIONS)
            number += PACE

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _reading(port: int, count: int) -> Iterator[list[int]]:
    """Have ``count`` viewers read the stream; the sizes of what the first one got are in the list."""
    sizes: list[int] = []
    with ExitStack() as stack:
        for number in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            one.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            thread = threading.Thread(target=_read, args=(one, sizes if number == 0 else []))
            stack.callback(thread.join)
            stack.callback(one.shutdown, socket.SHUT_RDWR)
            thread.start()
        yield sizes


def _read(one: socket.socket, sizes: list[int]) -> None:
    while got := one.recv(1 << 20):
        sizes.append(len(got))


def _page(port: int) -> tuple[float, int]:
    """Return the share of a core that the page's main thread takes, and how many rows it shows."""
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(f"http://127.0.0.1:{port}/")
        expect(tab.locator("#shown")).to_have_text(f"{PARTITIONS} assigned", timeout=30_000)
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable")

        def busy() -> float:
            return next(
                float(each["value"])
                for each in session.send("Performance.getMetrics")["metrics"]
                if each["name"] == "TaskDuration"
            )

        tab.wait_for_timeout(3_000)
        before, began = busy(), time.monotonic()
        tab.wait_for_timeout(SECONDS * 1000)
        share = (busy() - before) / (time.monotonic() - began)
        return share, tab.locator("#table tbody tr").count()
