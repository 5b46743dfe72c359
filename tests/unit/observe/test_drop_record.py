from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidecar.core.actions import Dropped
from sidecar.core.books import DropReason
from sidecar.core.records import TopicPartition
from sidecar.observe.drop_record import INTENT, MOST_RANGES, DropRecord, LastDrop

T0, T1 = TopicPartition("clicks", 0), TopicPartition("clicks", 1)


def drop(
    tp: TopicPartition, start: int, end: int, reason: DropReason = DropReason.DROP_OLDEST, records: int | None = None
) -> Dropped:
    return Dropped(tp, start, end, end - start if records is None else records, reason)


def document(*drops: Dropped) -> dict[str, Any]:
    """Return the document after ``drops``, one a second."""
    seconds = iter(range(1_800_000_000, 1_900_000_000))
    record = DropRecord(lambda: float(next(seconds)))
    for each in drops:
        record.note(each)
    return record.document()


def places(document: dict[str, Any]) -> list[tuple[int, int, int, int, str]]:
    return [(each["partition"], each["start"], each["end"], each["records"], each["reason"]) for each in document["ranges"]]


def test_a_range_tells_all_that_is_needed_to_fetch_it_again() -> None:
    assert document(drop(T1, 100, 150)) == {
        "ranges": [
            {
                "topic": "clicks",
                "partition": 1,
                "start": 100,
                "end": 150,
                "records": 50,
                "outcome": "dropped",
                "reason": "drop_oldest",
                "intent": "overload",
                "overflow_topic": None,
                "began": "2027-01-15T08:00:00.000Z",
                "ended": "2027-01-15T08:00:00.000Z",
            }
        ],
        "forgotten_records": 0,
    }


def test_what_is_in_an_overflow_topic_is_diverted_whatever_the_reason() -> None:
    [said] = document(replace(drop(T1, 100, 150), overflow_topic="spare"))["ranges"]
    assert (said["reason"], said["intent"], said["overflow_topic"]) == ("drop_oldest", "diverted", "spare")


def test_what_goes_on_is_one_range_the_latest_first() -> None:
    sample = DropReason.SAMPLE
    said = document(drop(T0, 0, 10), drop(T1, 5, 9), drop(T0, 10, 30), drop(T0, 30, 40, sample, 9), drop(T0, 40, 50, sample, 8))
    assert places(said) == [(0, 30, 50, 17, "sample"), (0, 0, 30, 30, "drop_oldest"), (1, 5, 9, 4, "drop_oldest")]
    assert (said["ranges"][1]["began"], said["ranges"][1]["ended"]) == ("2027-01-15T08:00:00.000Z", "2027-01-15T08:00:02.000Z")


def test_a_gap_of_kept_records_begins_a_new_range() -> None:
    assert places(document(drop(T0, 0, 10), drop(T0, 12, 20))) == [(0, 12, 20, 8, "drop_oldest"), (0, 0, 10, 10, "drop_oldest")]


def test_the_record_is_bounded_and_counts_what_it_forgot() -> None:
    said = document(*(drop(T0, 2 * number, 2 * number + 1) for number in range(MOST_RANGES + 7)))
    assert (len(said["ranges"]), said["forgotten_records"]) == (MOST_RANGES, 7)
    assert said["ranges"][-1]["start"] == 14


def test_a_range_that_is_long_open_is_not_the_first_to_be_forgotten() -> None:
    drops = [drop(T1, 0, 1)]
    for number in range(MOST_RANGES):
        drops += [drop(T0, 2 * number, 2 * number + 1), drop(T1, number + 1, number + 2)]
    assert document(*drops)["ranges"][0]["partition"] == 1


def test_records_that_were_polled_and_dropped_again_are_listed_once() -> None:
    said = document(drop(T0, 0, 10), drop(T1, 0, 5), drop(T0, 0, 10))
    assert (places(said), said["forgotten_records"]) == ([(0, 0, 10, 10, "drop_oldest"), (1, 0, 5, 5, "drop_oldest")], 10)


def test_each_reason_has_one_intent() -> None:
    assert set(INTENT) == set(DropReason)


def test_the_last_range_of_each_topic_and_reason_is_the_one_that_was_made_longer_last() -> None:
    seconds = iter((1.0, 2.0, 3.0, 4.0))
    record = DropRecord(lambda: next(seconds))
    for each in (drop(T0, 0, 10), drop(T1, 5, 9), drop(T0, 40, 50, DropReason.SAMPLE), drop(T0, 10, 30)):
        record.note(each)
    assert record.last() == {
        ("clicks", "drop_oldest"): LastDrop(0, 0, 30, 4.0),
        ("clicks", "sample"): LastDrop(0, 40, 50, 3.0),
    }
