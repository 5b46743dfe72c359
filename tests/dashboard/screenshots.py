"""``make screenshots``: the pictures of the live page in docs/images, of a real sidecar on a real Kafka with an application that fails in part.

A topic of 12 partitions is produced to for two minutes, with a surge in between. The application is slow, and from some moment on it answers 503
to batches with records of three partitions. Beside it runs a topic of low priority that may be sampled. Each second's records of a partition come together and fill batches of their own.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.parts.app import Application
from tests.parts.behaviour import Reply, Request
from tests.parts.browser import chromium
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import real_kafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import Message, create_topic, produce

VALUE = b'{"total": 12.5, "note": "%s"}' % (b"x" * 100)
IMAGES = Path(__file__).parents[2] / "docs" / "images"
TOPIC = "orders"
PARTITIONS = 12
SAMPLED, SAMPLED_PARTITIONS = "telemetry", 4
POLICIES = (
    '[{"topic": "orders", "priority": 2}, {"topic": "telemetry", "strategy": "sample", "sample_rate": "auto", "priority": -2}]'
)
FAILING = {3, 7, 11}
SECONDS = 150
FAILS_AFTER = 108
SURGE = range(30, 50)
BATCH = 60
PACE, SURGE_PACE = 2 * BATCH, 12 * BATCH
"""Records a second and partition."""


class Moody:
    """The application: 20 ms a batch and 1 ms a record of work, and later no answer but 503 for three partitions."""

    def __init__(self) -> None:
        self.fails = False
        self._never = threading.Event()

    def __call__(self, request: Request) -> Reply:
        """Treat one request."""
        if self.fails and FAILING & {line["partition"] for line in request.lines if line["topic"] == TOPIC}:
            return Reply(503)
        self._never.wait(0.02 + len(request.lines) * 0.001)
        return Reply()


def main() -> None:
    """Take them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    moody = Moody()
    with (
        tempfile.TemporaryDirectory(prefix="kafka-sidecar-screenshots-") as folder,
        real_kafka(Path(folder)) as kafka,
        Application(moody) as app,
    ):
        create_topic(kafka.bootstrap, TOPIC, PARTITIONS)
        create_topic(kafka.bootstrap, SAMPLED, SAMPLED_PARTITIONS)
        settings = {
            "KAFKA__GROUP_ID": "billing",
            "BUFFER__MAX_MESSAGES": "25000",
            "TOPIC_POLICIES": POLICIES,
            "RETRY__MAX_WAIT": "30s",
            "FLUSH__MAX_BATCH": str(BATCH),
            "FLUSH__MIN_INTERVAL": "200ms",
            "FLUSH__MAX_INTERVAL": "1s",
        }
        with SidecarProcess(sidecar_environ(kafka.bootstrap, f"{TOPIC},{SAMPLED}", app.url, **settings), Path(folder)) as sidecar:
            sidecar.wait_ready()
            _traffic(kafka.bootstrap, moody)
            with chromium() as browser:
                address = f"http://127.0.0.1:{sidecar.port}/"
                for name, scheme, width, height, scale in (
                    ("page-light", "light", 1280, 1490, 1.25),
                    ("page-dark", "dark", 1280, 1490, 1.25),
                    ("page-phone", "light", 390, 844, 1.5),
                ):
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        device_scale_factor=scale,
                        color_scheme="dark" if scheme == "dark" else "light",
                    )
                    _take(context.new_page(), address, IMAGES / f"{name}.png")
                    context.close()


def _traffic(bootstrap: str, moody: Moody) -> None:
    began = time.monotonic()
    for second in range(SECONDS):
        moody.fails = second >= FAILS_AFTER
        count = SURGE_PACE if second in SURGE else PACE
        produce(bootstrap, TOPIC, (Message(VALUE, partition=partition) for partition in range(PARTITIONS) for _ in range(count)))
        produce(
            bootstrap,
            SAMPLED,
            (Message(VALUE, partition=partition) for partition in range(SAMPLED_PARTITIONS) for _ in range(PACE)),
        )
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))


def _take(page: Page, address: str, path: Path) -> None:
    page.goto(address)
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#verdict")).to_have_text("downstream down")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(1_200)  # a second frame, so that everything that moves has come to rest
    page.screenshot(path=path)


if __name__ == "__main__":
    main()
