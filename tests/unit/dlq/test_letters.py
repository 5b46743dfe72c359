"""Letters as they are read, what they say when they are redriven, which are meant, and what is told of them."""

from __future__ import annotations

import pytest

from sidecar.core.records import Header
from sidecar.dlq.listing import Key, Line, count, document, shown, table
from sidecar.dlq.redriven import headers_of, refusal
from sidecar.dlq.selection import Selection
from tests.unit.dlq.examples import DEAD, ORDERS, letter


def test_a_letter_says_where_it_came_from_and_why_and_has_the_records_own_headers_apart() -> None:
    own: list[Header] = [("h", b"\xff"), ("h", None)]
    found = letter(7, own=own)
    assert (found.origin, found.reason, found.original_timestamp) == ((ORDERS, 107), "poison", 500)
    assert list(found.own) == own


def test_of_a_letter_that_was_a_letter_before_only_the_last_headers_are_what_was_added() -> None:
    first: list[Header] = [("__connect.errors.topic", b"another"), ("__connect.errors.partition", b"0")]
    found = letter(own=first)
    assert (found.origin, list(found.own)) == ((ORDERS, 100), first)


def test_a_record_that_is_no_letter_is_read_and_not_redriven() -> None:
    found = letter(origin=None, own=[("h", b"1")])
    assert (found.origin, found.reason, found.source, found.original_timestamp) == (None, "unknown", "unknown", 1_000)
    assert refusal(found, 3) == "it does not say which topic it came from"


def test_a_redriven_record_has_its_own_headers_then_its_first_place_and_a_count() -> None:
    once = headers_of(letter(7, own=[("h", b"1")]))
    assert once == [
        ("h", b"1"),
        ("sidecar.redrive.topic", b"orders"),
        ("sidecar.redrive.partition", b"2"),
        ("sidecar.redrive.offset", b"107"),
        ("sidecar.redrive.timestamp", b"500"),
        ("sidecar.redrive.count", b"1"),
    ]
    twice = headers_of(letter(9, own=once))
    assert twice == [*once[:-1], ("sidecar.redrive.count", b"2")]


def test_what_was_redriven_so_often_is_refused() -> None:
    again = letter(own=headers_of(letter(own=headers_of(letter()))))
    assert refusal(again, 3) is None
    assert refusal(again, 2) == "it was redriven 2 times, and came back each time"


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(reason="poison", topic="orders", since=1_000, until=1_001), True),
        (Selection(reason="retries_exhausted"), False),
        (Selection(topic="orders.dead"), False),
        (Selection(since=1_001), False),
        (Selection(until=1_000), False),
    ],
)
def test_a_selection_takes_what_fits_all_of_it(selection: Selection, *, taken: bool) -> None:
    assert selection.takes(letter()) is taken


def test_letters_are_counted_by_topic_and_reason_with_the_oldest_and_the_newest() -> None:
    lines: dict[Key, Line] = {}
    count(lines, [letter(0, timestamp=60_000), letter(1, timestamp=0), letter(2, reason="retries_exhausted", timestamp=2**62)])
    assert document(lines)[0] == {
        "dead_letter_topic": "orders.dead",
        "topic": "orders",
        "reason": "poison",
        "letters": 2,
        "oldest": "1970-01-01T00:00:00+00:00",
        "newest": "1970-01-01T00:01:00+00:00",
    }
    assert table(lines).splitlines()[2].endswith(f"{2**62} ms")
    assert table({}) == "no letters"


def test_one_letter_is_shown_without_payloads_unless_they_are_wanted() -> None:
    found = letter(own=[("h", b"\xff"), ("n", None)])
    hidden = "\n".join(shown(found, payload=False))
    assert f"letter     {DEAD.topic}:0:0" in hidden
    assert "value      7 bytes" in hidden
    assert "header     n: null" in hidden
    assert "about it   __connect.errors.offset: 100" in hidden
    wanted = "\n".join(shown(found, payload=True))
    assert "value      value 0" in wanted
    assert "header     h: base64 /w==" in wanted
