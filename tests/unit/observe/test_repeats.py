from __future__ import annotations

from sidecar.observe.repeats import MAX_KEYS, Line, Repeats


def test_the_first_occurrence_is_said_at_once() -> None:
    assert Repeats[str](10.0).add("k", "first", 5, 0.0) == Line("first", 1, 5)


def test_those_that_follow_within_the_interval_are_said_together_after_it() -> None:
    repeats = Repeats[str](10.0)
    repeats.add("k", "first", 5, 0.0)
    assert repeats.add("k", "second", 2, 1.0) is None
    assert repeats.add("k", "third", 3, 9.9) is None
    assert repeats.add("k", "fourth", 4, 10.0) == Line("fourth", 3, 9)


def test_keys_are_counted_apart() -> None:
    repeats = Repeats[str](10.0)
    repeats.add("a", "first", 1, 0.0)
    assert repeats.add("b", "other", 1, 1.0) == Line("other", 1, 1)


def test_what_was_left_unsaid_is_overdue_once_its_interval_is_over() -> None:
    repeats = Repeats[str](10.0)
    repeats.add("k", "first", 1, 0.0)
    repeats.add("k", "second", 1, 1.0)
    assert repeats.overdue(9.0) == []
    assert repeats.overdue(10.0) == [Line("second", 1, 1)]
    assert repeats.overdue(20.0) == []


def test_a_key_that_comes_back_after_a_silence_is_said_at_once() -> None:
    repeats = Repeats[str](10.0)
    repeats.add("k", "first", 1, 0.0)
    repeats.overdue(10.0)
    assert repeats.add("k", "again", 1, 11.0) == Line("again", 1, 1)


def test_the_number_of_remembered_keys_is_bounded() -> None:
    repeats = Repeats[int](10.0)
    for key in range(2 * MAX_KEYS):
        repeats.add(key, key, 1, 0.0)
        repeats.add(key, key, 1, 0.0)
    assert len(repeats.overdue(10.0)) == MAX_KEYS


def test_silent_keys_give_way_before_one_that_still_has_something_to_say() -> None:
    repeats = Repeats[str](10.0)
    for key in ["live", *map(str, range(MAX_KEYS - 1))]:
        repeats.add(key, key, 1, 0.0)
    repeats.add("live", "live", 1, 10.0)
    repeats.overdue(10.0)
    repeats.add("live", "live", 1, 11.0)
    for number in range(MAX_KEYS // 2):
        repeats.add(f"new {number}", "new", 1, 11.0)
    assert Line("live", 1, 1) in repeats.overdue(20.0)
