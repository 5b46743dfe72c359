from __future__ import annotations

from collections.abc import Callable

import pytest

from sidecar.settings import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("1.5s", 1.5), ("5m", 300), ("1h", 3600), ("2d", 172_800), (" 10 s ", 10), ("0s", 0)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert units.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("1024", 1024),
        ("1KB", 1000),
        ("1k", 1000),
        ("1KiB", 1024),
        ("64Mi", 64 * 1024**2),
        ("1.5MiB", 3 * 1024**2 // 2),
        ("2G", 2 * 10**9),
        ("1gib", 1024**3),
    ],
)
def test_sizes_are_bytes_and_the_units_of_kubernetes_mean_what_they_mean_there(text: str, number: int) -> None:
    assert units.size(text) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1000, "1000"),
        (1024, "1KiB"),
        (112_721, "110.1KiB"),
        (8 * 1024**2, "8MiB"),
        (3 * 1024**3, "3GiB"),
        (225_443_841, "215.0MiB"),
    ],
)
def test_sizes_are_shown_in_the_largest_unit_that_is_exact(number: int, text: str) -> None:
    assert units.as_size(number) == text


@pytest.mark.parametrize(
    ("text", "unix_ms"),
    [
        ("1764000000000", 1_764_000_000_000),
        ("0", 0),
        ("2026-01-31T06:00:00Z", 1_769_839_200_000),
        ("2026-01-31T07:00:00+01:00", 1_769_839_200_000),
    ],
)
def test_moments_are_unix_milliseconds(text: str, unix_ms: int) -> None:
    assert units.moment(text) == unix_ms


def test_addresses_have_a_host_and_a_port() -> None:
    assert units.address("0.0.0.0:9877") == units.Address("0.0.0.0", 9877)  # noqa: S104 -- an example
    assert units.address("[::]:0") == units.Address("::", 0)


@pytest.mark.parametrize(
    ("read", "texts", "mend"),
    [
        (units.duration, ["", "5", "-1s", "1 week", "1e3s", "1S", "9" * 400 + "s", "٣s"], "is not a duration: write"),
        (units.wait, ["25h", "2d"], "is too long: write 1d or less"),
        (units.size, ["", "MiB", "-1", "1 XB", "1,5MiB", "9" * 400], "is not a size: write"),
        (units.count, ["", "1.0", "1_000", "ten", "²", "9" * 400], "is not a whole number, like 1000"),
        (units.ratio, ["", "1.1", "-0.1", "80%", "nan", "inf"], "is not a fraction: write a number from 0 to 1"),
        (units.moment, ["", "yesterday", "2026-01-31", "2026-01-31T06:00:00", "-1", "²"], "or a time with its zone"),
        (units.address, ["", "9877", ":9877", "host:", "host:x", "host:65536", "host:²", "host:-1"], "is not an address"),
    ],
)
def test_what_cannot_be_read_is_quoted_with_the_mend(read: Callable[[str], object], texts: list[str], mend: str) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"is|must") as refused:
            read(text)
        assert str(refused.value).startswith(f"{text!r} ")
        assert mend in str(refused.value)


def test_a_switch_is_true_or_false() -> None:
    assert (units.switch("true"), units.switch("false")) == (True, False)


@pytest.mark.parametrize("text", ["", "yes", "1", "True", " true"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither true nor false"):
        units.switch(text)
