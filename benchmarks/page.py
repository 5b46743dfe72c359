"""The live page under 500 partitions: what viewers cost the sidecar, and what the page costs its browser.

A real sidecar consumes 500 partitions to ``discard:`` while a few records a second come to each. Its CPU time is read
in rounds with nobody, one and ten who read the stream; the median of the differences is the cost, since other things of the process
(librdkafka's threads above all) vary more than that. Then one real browser shows the page.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, expect

from benchmarks.measure import Bench
from benchmarks.meter import share_of_core
from benchmarks.table import Row
from tests.parts.browser import chromium
from tests.parts.environ import sidecar_environ
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name, produce_numbered

PARTITIONS = 500
PACE = 1_500
SECONDS = 8.0
ROUNDS = 6
VIEWERS = 10


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
            rounds = [_round(pid, sidecar.port) for _ in range(ROUNDS)]
            with _reading(sidecar.port, 1) as size:
                time.sleep(SECONDS)
            rows, all_rows = _page(sidecar.port)
    alone = median(none for none, _one, _ten in rounds)
    first = median(one - none for none, one, _ten in rounds)
    more = median((ten - one) / (VIEWERS - 1) for _none, one, ten in rounds)
    return [
        Row(f"live page, {PARTITIONS} partitions: the stream", f"{sum(size) / SECONDS / 1024:,.0f} KiB a second and viewer"),
        Row(f"live page, {PARTITIONS} partitions: CPU of the sidecar, nobody watches", f"{alone:.2%} of a core"),
        Row("live page: the first viewer adds (it has the frames made)", f"{first:.2%} of a core", "<= 1 %", first <= 0.01),  # noqa: PLR2004
        Row("live page: each further viewer adds", f"{more:.2%} of a core", "<= 1 %", more <= 0.01),  # noqa: PLR2004
        Row("live page: main thread of the browser, the first 100 rows", f"{rows:.1%} of a core"),
        Row(f"live page: main thread of the browser, all {PARTITIONS} rows", f"{all_rows:.1%} of a core"),
    ]


def _round(pid: int, port: int) -> tuple[float, float, float]:
    """Return the shares of a core with nobody, one and ten watching."""
    none = share_of_core(pid, SECONDS)
    with _reading(port, 1):
        one = share_of_core(pid, SECONDS)
    with _reading(port, VIEWERS):
        return none, one, share_of_core(pid, SECONDS)


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


def _page(port: int) -> tuple[float, float]:
    """Return the share of a core that the page's main thread takes, with the first 100 rows and with all."""
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(f"http://127.0.0.1:{port}/")
        expect(tab.locator("#shown")).to_have_text(f"100 of {PARTITIONS} shown", timeout=30_000)
        first = _busy(tab)
        tab.get_by_role("button", name="Show all").click()
        expect(tab.locator("#shown")).to_have_text(f"{PARTITIONS} assigned")
        return first, _busy(tab)


def _busy(tab: Page) -> float:
    """Return the share of the time that the page's main thread is busy."""
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable")

    def seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")

    tab.wait_for_timeout(3_000)
    before, began = seconds(), time.monotonic()
    tab.wait_for_timeout(SECONDS * 1000)
    share = (seconds() - before) / (time.monotonic() - began)
    session.detach()
    return share
