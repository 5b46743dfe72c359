from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from sidecar.core.actions import Dropped
from sidecar.core.books import DropReason
from sidecar.core.config import Policy, Strategy
from sidecar.core.cost_fit import Cost
from sidecar.core.decisions import Decision, Dial
from sidecar.core.records import TopicPartition
from sidecar.core.snapshot import SearchView
from tests.dashboard.stage import SLOW, Stage, failing, partition, twelve
from tests.parts.browser import complaints_of, violations
from tests.parts.waiting import free_port
from tests.unit.observe.reports import BOOKS, FLOW, NOW, SEARCH

SENTENCE = "3 of 12 partitions behind by 43 s: the downstream fails (answered 503 Service Unavailable) after 3 attempts, next try in 8.0 s"

UNKNOWN = "\N{EN DASH}"
"""What the page shows of what is not known."""

SELDOM = 3600.0
"""Seconds between two frames: there is one, and no other one comes."""


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


def names(page: Page) -> list[str]:
    return page.locator("#table tbody th button").all_inner_texts()


def test_the_words_come_first_and_then_the_figures(page: Page, stage: Stage) -> None:
    books = replace(
        BOOKS, polled={"orders": 12_000}, delivered={"orders": 11_694}, dropped={("orders", "sample"): 6}, in_flight=300
    )
    stage.tell(*twelve(stage), flow=SLOW, books=replace(books, released={}))
    stage.tell(*twelve(stage), flow=SLOW, books=replace(books, released={}), utilization=0.61, buffer_records=30_500)
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.get_by_role("heading", level=1)).to_have_text(SENTENCE)
        expect(page.locator("#verdict")).to_have_text("downstream down")
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#about")).to_contain_text("billing")
        expect(page.locator("#lag")).to_have_text("43 s")
        expect(page.locator("#lag-note")).to_have_text("300 records without an outcome")
        expect(page.locator("#buffer")).to_have_text("61 %")
        expect(page.locator("#flying")).to_have_text("8 of 8")
        expect(page.locator("#flying-note")).to_contain_text("1,234 records each")
        expect(page.locator("#dropped")).to_have_text("6")
        expect(page.locator("#dropped-note")).to_have_text("sample 6")
        expect(page.locator("#balance")).to_contain_text("every polled record is accounted for")
        expect(page.locator("#books")).to_contain_text("11,694")
        assert page.title() == "billing · kafka-sidecar"


def test_what_is_shed_now_is_told_with_its_policy_its_reason_and_its_offsets(page: Page, stage: Stage) -> None:
    stage.policies = {"clicks": Policy(Strategy.SAMPLE, sample_rate=None, priority=-2)}
    stage.drops.note(Dropped(TopicPartition("clicks", 1), 1_200, 1_500, 250, DropReason.SAMPLE))
    views = [partition(0), partition(1, "clicks", buffered=1_234, in_flight=100)]
    for count in (0, 300):
        books = replace(
            BOOKS,
            polled={"clicks": 500 + count},
            delivered={"clicks": 400 + count // 5},
            dropped={("clicks", "sample"): 100 + count * 4 // 5, ("orders", "poison"): 1},
        )
        stage.tell(*views, books=books)
    with stage.serving() as server:
        page.goto(address(server.port))
        topics = page.locator("#topics tr")
        expect(topics).to_have_count(2)
        expect(topics.nth(0)).to_have_text("clicks1 partitionsample auto, priority -21,33420 %")
        expect(topics.nth(1)).to_have_text(f"orders1 partitionblock0{UNKNOWN}")
        sheds = page.locator("#sheds tr")
        expect(sheds.nth(0)).to_have_text(re.compile(r"^clickssample · policy240/s340\[1\] 1,200.1,499until \d\d:\d\d:\d\d$"))
        expect(sheds.nth(0)).to_have_attribute("data-tone", "warn")
        expect(sheds.nth(1)).to_have_text(f"orderspoisonnot now1{UNKNOWN}")
        assert sheds.nth(1).get_attribute("data-tone") is None


def test_where_nothing_was_dropped_it_says_so(page: Page, stage: Stage) -> None:
    stage.tell(partition(0), books=replace(BOOKS, dropped={("orders", "sample"): 0}))
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#sheds-none")).to_have_text("Nothing was dropped since the start.")
        expect(page.locator("#sheds-table")).to_be_hidden()


def test_the_breaker_says_why_it_is_open_and_when_it_probes_until_it_is_closed(page: Page, stage: Stage) -> None:
    flow = replace(FLOW, breaker="open", breaker_reason="connection refused", next_probe_in=4.2)
    stage.tell(partition(0), flow=flow)
    with stage.serving() as server:
        page.goto(address(server.port))
        breaker = page.locator("#breaker")
        expect(breaker).to_have_text("Circuit breaker open: connection refused · next probe in 4.2 s")
        stage.tell(partition(0, committable=900, buffered=100, holds=("breaker",)), flow=flow)
        expect(page.locator("#sentence")).to_contain_text("connection refused")
        expect(breaker).to_have_text("Circuit breaker open · next probe in 4.2 s")
        stage.tell(partition(0), flow=replace(flow, breaker="half_open", next_probe_in=None))
        expect(breaker).to_have_text("Circuit breaker half open: connection refused")
        stage.tell(partition(0))
        expect(breaker).to_be_hidden()


def test_the_flow_control_is_one_line_with_the_reason_of_its_last_turn(page: Page, stage: Stage) -> None:
    stage.tell(partition(0), flow=replace(FLOW, concurrency_limit=1), search=SearchView())
    with stage.serving() as server:
        page.goto(address(server.port))
        now, why = page.locator("#control-now"), page.locator("#control-why")
        expect(now).to_have_text("500 records a batch, 100 ms at most until it is sent, 1 flush at once of 8 allowed.")
        expect(why).to_have_text("No dial was turned yet.")
        turn = Decision(NOW - 1, Dial.CONCURRENCY, 7, 8, "all 7 are in use: there is room for more")
        stage.tell(partition(0), search=replace(SEARCH, decisions=(turn,)))
        expect(now).to_contain_text("8 flushes at once, and no more are allowed. A flush costs 4 ms and 2 µs a record.")
        expect(why).to_have_text("Last turn 3.0 s ago: concurrency 7 → 8: all 7 are in use: there is room for more")
        turn = Decision(NOW + 1, Dial.INTERVAL, 0.1, 0.15, "slow")
        nonsense = Cost(-0.018, 0.002, 0.001, 200.0, 60.0, 0.1, 0.001)
        stage.tell(partition(0), search=replace(SEARCH, decisions=(turn,), cost=nonsense))
        expect(why).to_have_text("Last turn 2.0 s ago: interval 100 ms → 150 ms: slow")
        expect(now).not_to_contain_text("costs")


def test_a_process_that_has_not_begun_says_so(page: Page, stage: Stage) -> None:
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#link")).to_have_text("live")
        expect(page.get_by_role("heading", level=1)).to_have_text("The consumer loop has not reported yet")
        stage.tell(partition(0))
        expect(page.locator("#verdict")).to_have_text("ok")


def test_it_follows_what_happens_and_keeps_the_last_events(page: Page, stage: Stage) -> None:
    stage.tell(*twelve(stage))
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#verdict")).to_have_text("downstream down")
        stage.events.warning("breaker.changed", old="closed", new="open", reason="connection refused")
        stage.tell(*[partition(n) for n in range(12)])
        expect(page.locator("#verdict")).to_have_text("ok")
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^On time: 12 partitions"))
        event = page.locator("#events li").first
        expect(event).to_contain_text("warning: breaker.changed")
        expect(event).to_contain_text("reason=connection refused")


def test_the_table_begins_with_what_is_worst_and_sorts_by_any_column(page: Page, stage: Stage) -> None:
    stage.tell(*twelve(stage))
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#shown")).to_have_text("12 assigned")
        assert names(page)[:4] == ["orders[7]", "orders[3]", "orders[11]", "orders[0]"]
        lag = page.get_by_role("columnheader", name="Lag", exact=True)
        lag.get_by_role("button").click()
        expect(lag).to_have_attribute("aria-sort", "descending")
        assert names(page)[:3] == ["orders[7]", "orders[3]", "orders[11]"]
        lag.get_by_role("button").click()
        expect(lag).to_have_attribute("aria-sort", "ascending")
        assert names(page)[-3:] == ["orders[11]", "orders[3]", "orders[7]"]
        page.get_by_role("columnheader", name="Partition").get_by_role("button").click()
        assert names(page) == [f"orders[{n}]" for n in range(12)]
        expect(lag).not_to_have_attribute("aria-sort", re.compile("."))


def test_the_table_is_filtered_by_name_verdict_or_hold(page: Page, stage: Stage) -> None:
    stage.tell(*twelve(stage), partition(0, "clicks", holds=("operator",)))
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#shown")).to_have_text("13 assigned")
        for text, shown in (("clicks", 1), ("orders[1", 3), ("downstream down", 3), ("operator", 1), ("nothing like it", 0)):
            page.get_by_label("Filter").fill(text)
            expect(page.locator("#shown")).to_have_text(f"{shown} of 13 shown")
        page.get_by_label("Filter").fill("")
        page.get_by_label("only those behind").check()
        expect(page.locator("#shown")).to_have_text("4 of 13 shown")


def test_a_partition_opens_and_tells_all_about_itself(page: Page, stage: Stage) -> None:
    stage.tell(*twelve(stage))
    with stage.serving() as server:
        page.goto(address(server.port))
        button = page.get_by_role("button", name="orders[3]")
        expect(button).to_have_attribute("aria-expanded", "false")
        button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        details = page.locator("#table .details")
        expect(details).to_contain_text("the downstream fails (answered 503 Service Unavailable)")
        expect(details).to_contain_text("committed 900 · position 1,000 · log end 1,000")
        stage.tell(*[partition(n) for n in range(12)])
        expect(details).to_contain_text("committed 1,000")
        button.click()
        expect(details).to_have_count(0)


def test_it_is_dark_or_light_as_the_system_is_until_somebody_chooses(page: Page, stage: Stage) -> None:
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    stage.tell(*twelve(stage))
    with stage.serving() as server:
        page.emulate_media(color_scheme="light")
        page.goto(address(server.port))
        light = ground()
        page.emulate_media(color_scheme="dark")
        dark = ground()
        assert dark != light
        button = page.get_by_role("button", name="Theme: system")
        button.click()
        assert (ground(), page.locator("#theme").inner_text()) == (light, "Theme: light")
        page.reload()
        assert ground() == light
        page.locator("#theme").click()
        page.emulate_media(color_scheme="light")
        assert (ground(), page.locator("#theme").inner_text()) == (dark, "Theme: dark")


def test_it_fits_a_phone(page: Page, stage: Stage) -> None:
    stage.tell(*twelve(stage))
    page.set_viewport_size({"width": 360, "height": 740})
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#verdict")).to_have_text("downstream down")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.locator("#sentence").bounding_box() is not None
        box = page.locator("#sentence").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 740  # the words are seen without scrolling
        expect(page.get_by_role("columnheader", name="In/s")).to_be_hidden()
        page.get_by_role("button", name="orders[3]").click()
        expect(page.locator("#table .details")).to_contain_text("in flight 100")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_can_be_used_by_the_keyboard_alone(page: Page, stage: Stage) -> None:
    stage.tell(*twelve(stage))
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#shown")).to_have_text("12 assigned")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the partitions")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_label("Filter")).to_be_focused()
        page.keyboard.type("orders[3]")
        expect(page.locator("#shown")).to_have_text("1 of 12 shown")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(page.get_by_role("region", name="Table of partitions")).to_be_focused()
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("columnheader", name="Verdict")).to_have_attribute("aria-sort", re.compile("."))
        for _ in range(9):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="orders[3]")).to_have_attribute("aria-expanded", "true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_keeps_anybody_out(page: Page, stage: Stage, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    stage.events.error("partition.stopped", partition="orders[3]")
    stage.events.warning("breaker.changed", new="open")
    stage.tell(*twelve(stage))
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#shown")).to_have_text("12 assigned")
        page.get_by_role("button", name="orders[3]").click()
        assert violations(page) == []
        stage.tell(*[partition(n, holds=("buffer",), committable=990, buffered=10) for n in range(12)])
        expect(page.locator("#verdict")).to_have_text("downstream slow")
        page.get_by_role("button", name="Unlock actions").click()
        assert violations(page) == []
        page.get_by_role("button", name="Cancel").click()
        stage.tell(*[partition(n) for n in range(12)])
        expect(page.locator("#verdict")).to_have_text("ok")
        assert violations(page) == []


def test_the_verdict_is_announced_once_and_not_every_second(page: Page, stage: Stage) -> None:
    stage.tell(*twelve(stage))
    with stage.serving() as server:
        page.goto(address(server.port))
        announcer = page.locator("#announcer")
        expect(announcer).to_have_text(f"downstream down: {SENTENCE}")
        stage.tell(*[failing(n, 90.0, stage.wall_ms) for n in range(12)])
        expect(page.locator("#sentence")).to_contain_text("behind by 1 min")
        expect(announcer).to_have_text(f"downstream down: {SENTENCE}")
        stage.tell(partition(0))
        expect(announcer).to_have_text(re.compile("^ok: "))


def test_five_hundred_partitions_are_all_there_and_right(page: Page, stage: Stage) -> None:
    at = stage.wall_ms + 1000
    stage.tell(*[failing(n, float(n), at) if n % 10 == 0 else partition(n) for n in range(500)])
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(page.locator("#shown")).to_have_text("100 of 500 shown")
        expect(page.locator("#sentence")).to_contain_text("50 of 500 partitions behind by 8 min 10 s")
        assert {int(name[7:-1]) for name in names(page)} >= set(range(0, 500, 10))  # what is behind is among the first
        page.get_by_label("Filter").fill("orders[49")
        expect(page.locator("#shown")).to_have_text("11 of 500 shown")
        page.get_by_label("Filter").fill("")
        page.get_by_role("button", name="Show all 500").click()
        expect(page.locator("#shown")).to_have_text("500 assigned")
        found = names(page)
        assert found[:3] == ["orders[490]", "orders[480]", "orders[470]"]
        assert sorted(found) == sorted(f"orders[{n}]" for n in range(500))
        stage.tell(*[partition(n) for n in range(1, 500)])
        expect(page.locator("#shown")).to_have_text("499 assigned")
        assert names(page)[:2] == ["orders[1]", "orders[2]"]


def test_it_comes_back_when_the_server_does(browser: Browser, stage: Stage) -> None:
    context = browser.new_context()
    page = context.new_page()
    heard = complaints_of(page)
    stage.tell(partition(0))
    port = free_port()
    with stage.serving(port):
        page.goto(address(port))
        expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#link")).to_have_attribute("data-state", "lost")
    again = Stage()
    again.tell(*twelve(again))
    with again.serving(port):
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#verdict")).to_have_text("downstream down")
    context.close()
    assert [each for each in heard if "ERR_" not in each] == []  # the browser itself tells of the lost connection


def test_what_is_old_says_so_when_nothing_comes_any_more(browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(1)  # so that seconds pass on the page only when the test says so
    silent = Stage(every=SELDOM)
    silent.tell(partition(0))
    link, age = page.locator("#link"), page.locator("#age")
    port = free_port()
    with silent.serving(port):
        page.goto(address(port))
        expect(link).to_have_text("live")
        page.clock.run_for(4_000)
        expect(link).to_have_text("live")
        expect(age).to_be_empty()
        page.clock.run_for(2_000)
        expect(link).to_have_text("no news")
        expect(age).to_have_text("what you see is 6.0 s old")
        page.clock.run_for(120_000)
        expect(link).to_have_text("no news")  # what is read out says it once, and counts nothing
        expect(age).to_have_text("what you see is 2 min 6 s old")
        page.clock.resume()  # axe-core waits by the page's clock, too
        assert violations(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(link).to_have_text("connection lost, trying again")
    again = Stage()
    again.tell(partition(0))
    with again.serving(port):
        expect(link).to_have_text("live")
        expect(age).to_be_empty()
        expect(page.locator("body")).not_to_have_class("stale")
    context.close()


def test_what_is_old_says_so_when_the_loop_says_nothing_although_the_server_does(page: Page, stage: Stage) -> None:
    stage.tell(partition(0))
    stage.silence = 4.0
    link, age = page.locator("#link"), page.locator("#age")
    with stage.serving() as server:
        page.goto(address(server.port))
        expect(link).to_have_text("live")
        stage.silence = 70.0
        expect(link).to_have_text("the consumer loop says nothing")
        expect(age).to_have_text(re.compile(r"^what you see is 1 min 1\d s old$"))
        expect(page.locator("body")).to_have_class("stale")
        stage.silence = 0.0
        expect(link).to_have_text("live")
        expect(age).to_be_empty()


def test_one_viewer_too_many_is_told_why(browser: Browser) -> None:
    stage = Stage(max_viewers=1)
    stage.tell(partition(0))
    context = browser.new_context()
    with stage.serving() as server:
        first, second = context.new_page(), context.new_page()
        first.goto(address(server.port))
        expect(first.locator("#link")).to_have_text("live")
        second.goto(address(server.port))
        expect(second.locator("#link")).to_contain_text("1 viewers are watching already")
        first.close()
        expect(second.locator("#link")).to_have_text("live")
    context.close()


def test_a_wrong_token_is_refused_and_asked_for_again(browser: Browser, stage: Stage) -> None:
    stage.tell(partition(0))
    context = browser.new_context()
    page = context.new_page()
    with stage.serving() as server:
        page.goto(address(server.port))
        pause = page.get_by_role("button", name="Pause")
        expect(pause).to_be_disabled()
        page.get_by_role("button", name="Unlock actions").click()
        page.get_by_role("button", name="Unlock", exact=True).click()
        expect(page.get_by_role("alert")).to_have_text("Type the token, or cancel.")
        page.get_by_label("Token").fill("ein Schlüssel")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("outside of ASCII")
        page.get_by_label("Token").fill("a-wrong-token")
        page.keyboard.press("Enter")
        expect(pause).to_be_enabled()
        pause.click()
        expect(page.get_by_role("alert")).to_contain_text("this needs the token of SIDECAR_HTTP__TOKEN")
        expect(pause).to_be_disabled()
        assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    context.close()
