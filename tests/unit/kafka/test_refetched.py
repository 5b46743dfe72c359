from __future__ import annotations

from sidecar.kafka.refetched import Refetched


def statistics(*partitions: tuple[int, int, int], first: int = 0) -> str:
    """Return the statistics of partitions with so many records and bytes received, and so many records in the common queue."""
    told = (
        f'"{number}": {{"rxmsgs": {records}, "rxbytes": {nbytes}, "fetchq_cnt": {queued}, "query_offset": -1001}}'
        for number, (records, nbytes, queued) in enumerate(partitions, first)
    )
    return f'{{"name": "c", "topics": {{"orders": {{"topic": "orders", "partitions": {{{", ".join(told)}}}}}}}}}'


def test_what_was_given_out_or_waits_was_not_thrown_away() -> None:
    refetched = Refetched()
    refetched.gave_out(60)
    refetched.sample(statistics((70, 7_000, 40), (30, 3_000, 40)))
    refetched.gave_out(0)
    assert refetched.bytes == 0


def test_what_was_received_and_is_nowhere_was_thrown_away() -> None:
    refetched = Refetched()
    refetched.gave_out(60)
    for _ in range(2):
        refetched.sample(statistics((70, 7_000, 15), (30, 3_000, 15)))
        refetched.gave_out(0)
    assert refetched.bytes == 25 * 100


def test_what_is_queued_between_the_clients_two_looks_was_not_thrown_away() -> None:
    refetched = Refetched()
    refetched.sample(statistics((50, 5_000, 20)))
    refetched.gave_out(0)
    refetched.sample(statistics((90, 9_000, 90)))
    refetched.gave_out(0)
    refetched.sample(statistics((90, 9_000, 60)))
    refetched.gave_out(0)
    assert refetched.bytes == 0


def test_what_is_on_its_way_out_of_the_poll_that_hears_the_statistics_was_not_thrown_away() -> None:
    refetched = Refetched()
    refetched.sample(statistics((50, 5_000, 0)))
    refetched.gave_out(50)
    assert refetched.bytes == 0


def test_without_a_poll_a_sample_is_looked_at_when_the_next_one_comes() -> None:
    refetched = Refetched()
    for _ in range(3):
        refetched.sample(statistics((50, 5_000, 0)))
    assert refetched.bytes == 5_000


def test_everything_that_was_received_counts_as_fetched() -> None:
    refetched = Refetched()
    refetched.sample(statistics((70, 7_000, 15), (30, 3_000, 15)))
    refetched.sample(statistics((90, 9_000, 0), (30, 3_000, 0)))
    assert refetched.received_bytes == 12_000


def test_the_figure_never_goes_down() -> None:
    refetched = Refetched()
    refetched.gave_out(10)
    for _ in range(2):
        refetched.sample(statistics((50, 5_000, 0)))
        refetched.gave_out(0)
    refetched.gave_out(40)
    for _ in range(2):
        refetched.sample(statistics((50, 5_000, 0)))
        refetched.gave_out(0)
    assert refetched.bytes == 4_000


def test_a_partition_that_left_and_came_back_begins_at_0() -> None:
    refetched = Refetched()
    refetched.gave_out(100)
    refetched.sample(statistics((100, 10_000, 0)))
    refetched.gave_out(20)
    for _ in range(2):
        refetched.sample(statistics((30, 3_000, 0)))
        refetched.gave_out(0)
    assert refetched.bytes == 10 * 100
