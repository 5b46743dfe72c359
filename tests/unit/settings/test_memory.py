from __future__ import annotations

import pytest

from sidecar.settings import consumer_config, load_settings, memory
from sidecar.settings.container import Container
from sidecar.settings.memory import BASE, MIB, Shares
from tests.unit.settings.environments import LEAST, complaints, load, named

REST = 512 * MIB - BASE - 16 * MIB - 120 * 559_240
"""What 512 MiB leave for the buffer and what is on its way."""


def split(limit: int, prefetch: int = 0, fetch: int = 0, buffer: int = 0, batch: int = 0) -> tuple[Shares, list[str]]:
    """Split ``limit`` among eight flushes; what is 0 is left open."""
    shares, problems = memory.split(limit, Shares(prefetch, fetch, buffer, batch), 8)
    return shares, [problem.name for problem in problems]


@pytest.mark.parametrize(
    ("limit", "shares"),
    [
        (95 * MIB, Shares(3_112_960, 103_765, 8_470_548, 176_469)),
        (128 * MIB, Shares(4 * MIB, 139_810, 23_068_680, 480_597)),
        (256 * MIB, Shares(8 * MIB, 279_620, 79_691_792, 1_660_245)),
        (512 * MIB, Shares(16 * MIB, 559_240, 192_938_016, 4_019_542)),
        (4096 * MIB, Shares(16 * MIB, MIB, 1948 * MIB, 8 * MIB)),
    ],
)
def test_the_limit_is_split_so_that_the_sum_fits(limit: int, shares: Shares) -> None:
    assert split(limit) == (shares, [])
    assert BASE + shares.prefetch + 6 * 20 * shares.fetch + shares.buffer + 6 * 8 * shares.batch <= limit


def test_what_is_set_is_kept_and_the_other_takes_the_rest() -> None:
    assert split(512 * MIB, buffer=300 * MIB)[0].batch == (REST - 300 * MIB) // 48
    assert split(512 * MIB, batch=100 * 1024)[0].buffer == REST - 48 * 100 * 1024
    assert split(512 * MIB, prefetch=64 * MIB)[0].buffer == (REST - 48 * MIB) // 2
    assert split(512 * MIB, fetch=MIB)[0].buffer == (512 - 64 - 16 - 120) * MIB // 2


def test_smaller_answers_leave_the_buffer_no_more_since_they_are_asked_for_where_more_brokers_answer() -> None:
    assert split(512 * MIB, fetch=MIB // 8)[0].buffer == split(512 * MIB)[0].buffer


@pytest.mark.parametrize(
    "given", [{"MEMORY__LIMIT": "96MiB"}, {"MEMORY__LIMIT": "8GiB"}, {"KAFKA__MESSAGE_MAX_BYTES": "700000"}], ids=str
)
def test_the_client_is_asked_for_no_answers_that_it_refuses(given: dict[str, str]) -> None:
    properties = consumer_config(load_settings(LEAST | named(given), Container))
    assert int(properties["fetch.max.bytes"]) >= int(properties["message.max.bytes"])


def test_the_smallest_limit_that_is_named_is_enough() -> None:
    assert "Give it 95MiB or more" in complaints(LEAST | named({"MEMORY__LIMIT": "70MiB"}))[0]
    assert split(94 * MIB)[1] == ["SIDECAR_MEMORY__LIMIT"]
    assert split(95 * MIB)[1] == []


def test_the_smallest_limit_is_named_also_where_absurdly_much_is_to_be_fetched() -> None:
    given = {"MEMORY__LIMIT": "512MiB", "KAFKA__QUEUED_MAX_MESSAGES_KBYTES": "999999999999999"}
    assert "is too small" in complaints(LEAST | named(given))[0]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"MEMORY__LIMIT": "64MiB"},
            (
                "SIDECAR_MEMORY__LIMIT: 64MiB is too small: the process (64MiB), the client's prefetch (2MiB) and 6 x 20 x its "
                "fetch.max.bytes (68.3KiB) take 74.0MiB, and the buffer needs 16MiB more. Give it 95MiB or more, or raise the container's limit"
            ),
        ),
        (
            {"MEMORY__LIMIT": "600MiB"},
            (
                "SIDECAR_MEMORY__LIMIT: 600MiB is more than the container's limit of 512MiB, at which the kernel ends the process: leave it "
                "out, lower it, or raise the container's limit"
            ),
        ),
        (
            {"BUFFER__MAX_BYTES": "400MiB", "FLUSH__MAX_BATCH_BYTES": "8MiB"},
            (
                "SIDECAR_MEMORY__LIMIT: 512MiB leaves 368.0MiB, but SIDECAR_BUFFER__MAX_BYTES (400MiB) and 6 x SIDECAR_FLUSH__MAX_IN_FLIGHT "
                "(8) x SIDECAR_FLUSH__MAX_BATCH_BYTES (8MiB) need 784MiB. Lower one of them, or raise the limit"
            ),
        ),
        (
            {"KAFKA__FETCH_MAX_BYTES": str(4 * MIB)},
            (
                "SIDECAR_MEMORY__LIMIT: 512MiB is too small: the process (64MiB), the client's prefetch (16MiB) and 6 x 20 x its "
                "fetch.max.bytes (4MiB) take 560MiB, and the buffer needs 16MiB more. Give it 576MiB or more, or raise the container's limit"
            ),
        ),
        (
            {"FLUSH__MAX_IN_FLIGHT": "1000"},
            (
                "SIDECAR_FLUSH__MAX_IN_FLIGHT: with 1000 at once, SIDECAR_MEMORY__LIMIT leaves a batch 31.4KiB, and less than 128KiB is a "
                "waste. Lower it, raise the limit, or set SIDECAR_FLUSH__MAX_BATCH_BYTES"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_sum(wrong: dict[str, str], told: str) -> None:
    assert complaints(LEAST | named(wrong)) == [told]


def test_the_limit_is_the_one_that_is_set_else_the_containers_else_a_default() -> None:
    assert load({"MEMORY__LIMIT": "300MiB"}).memory.limit == 300 * MIB
    assert load_settings(LEAST, lambda: Container(256 * MIB)).memory.limit == 256 * MIB
    assert load_settings(LEAST, Container).memory.limit == 512 * MIB


def test_where_the_kernel_makes_a_process_wait_before_it_ends_it_the_first_of_the_two_is_the_limit() -> None:
    assert load_settings(LEAST, lambda: Container(256 * MIB, 200 * MIB)).memory.limit == 200 * MIB
    assert (
        load_settings(LEAST | named({"MEMORY__LIMIT": "250MiB"}), lambda: Container(256 * MIB, 200 * MIB)).memory.limit
        == 250 * MIB
    )
