"""The live page of a real sidecar on a real Kafka: what it shows is true, its buttons do what they say, and viewers cost the loop nothing."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.integration.lifecycle.scene import drain, scene
from tests.parts.behaviour import accept, answer
from tests.parts.browser import complaints_of
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess, caught_up

TOKEN = "the-right-token"  # noqa: S105 -- a test's


def unlock(page: Page) -> None:
    page.get_by_role("button", name="Unlock actions").click()
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")


def test_it_shows_deliveries_and_failures_and_pauses_resumes_and_drains(
    kafka: RealKafka, tmp_path: Path, browser: Browser
) -> None:
    page = browser.new_page()
    heard = complaints_of(page)
    with scene(kafka, tmp_path, records=1_000) as it, it.sidecar(HTTP__TOKEN=TOKEN) as sidecar:
        sidecar.wait_ready()
        page.goto(f"http://127.0.0.1:{sidecar.port}/")
        words, verdict = page.locator("#sentence"), page.locator("#verdict")
        expect(page.locator("#about")).to_contain_text(it.group)
        expect(page.locator("#books")).to_contain_text("delivered1,000")
        expect(page.locator("#shown")).to_have_text(f"{it.partitions} assigned")
        expect(page.locator("#events")).to_contain_text("partitions.assigned")
        expect(page.locator("#topics")).to_contain_text("block")
        expect(page.locator("#sheds-none")).to_have_text("Nothing was dropped since the start.")
        expect(page.locator("#control-now")).to_contain_text("records a batch")

        it.app.behave = answer(503)
        it.produce(400)
        expect(verdict).to_have_text("downstream down")
        expect(words).to_contain_text("answered 503 Service Unavailable")
        it.app.behave = accept
        expect(page.locator("#books")).to_contain_text("delivered1,400")

        unlock(page)
        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#acted")).to_have_text("Paused.")
        expect(verdict).to_have_text("held by operator")
        it.produce(100)
        expect(page.locator("#lag-note")).to_have_text("100 records without an outcome")
        assert len(it.app.ids) == 1_400
        page.get_by_role("button", name="Resume").click()
        expect(page.locator("#books")).to_contain_text("delivered1,500")

        page.get_by_role("button", name="Drain…").click()
        page.get_by_role("dialog").get_by_role("button", name="Drain", exact=True).click()
        expect(words).to_contain_text("rained on request")
        page.get_by_role("button", name="Resume").click()
        expect(verdict).not_to_have_text("held by operator")
        drain(sidecar)
        it.assert_all_taken_once()
        expect(page.locator("#link")).to_have_attribute("data-state", "lost")
    page.close()
    assert [each for each in heard if "ERR_" not in each] == []  # the browser itself tells that the process is gone


def test_a_thousand_viewers_and_odd_requests_leave_the_loop_alone(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, records=1_000) as it, it.sidecar() as sidecar, ExitStack() as stack:
        it.wait_taken(1_000)
        answers: list[bytes] = []
        for number in range(10):
            crowd = [stack.enter_context(viewer(sidecar)) for _ in range(100)]
            answers += [one.recv(12) for one in crowd]
            if number:
                for one in crowd:  # those that were refused make room for the next hundred
                    one.close()
            it.produce(200)
            assert sidecar.get("/livez")[0] == 200
        assert (answers.count(b"HTTP/1.1 200"), answers.count(b"HTTP/1.1 503")) == (20, 980)
        assert [
            sidecar.get(path)[0] for path in ("/events/1", "/assets/../app.py", "/%2e%2e/%2e%2e/etc/passwd", "//", "/.env")
        ] == [404] * 5
        it.wait_taken(3_000)
        status = sidecar.wait_status(caught_up, "it is caught up")
        assert status["kafka"]["rebalances"] == {"assigned": 1, "lost": 0, "revoked": 0}
        drain(sidecar)
        it.assert_all_taken_once()
        assert not [line for line in sidecar.events() if line["level"] in ("error", "critical")]


def viewer(sidecar: SidecarProcess) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", sidecar.port), timeout=20)
    one.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    return one
