from __future__ import annotations

from sidecar.core.steady_clock import SLEW, SteadyClock

HOUR = 3_600_000
NOON = 1_800_000_000_000


def test_a_clock_that_runs_is_followed() -> None:
    clock = SteadyClock()
    for second in range(100):
        clock.see(50.0 + second, NOON + second * 1_000)
    assert clock.wall_ms(149.0) == NOON + 99_000
    assert clock.wall_ms(149.5) == NOON + 99_500


def test_a_jump_ahead_is_caught_up_with_slowly() -> None:
    clock = SteadyClock()
    clock.see(0.0, NOON)
    clock.see(1.0, NOON + 1_000 + HOUR)
    assert clock.wall_ms(1.0) == NOON + 1_000 * (1 + SLEW)
    for second in range(2, 1_000):
        clock.see(float(second), NOON + second * 1_000 + HOUR)
    assert clock.wall_ms(999.0) - (NOON + 999_000) < 999_000 * SLEW + 1


def test_a_clock_that_is_set_back_is_followed_at_once_and_its_correction_slowly() -> None:
    clock = SteadyClock()
    clock.see(0.0, NOON)
    clock.see(1.0, NOON - HOUR)
    assert clock.wall_ms(1.0) == NOON - HOUR
    clock.see(2.0, NOON + 2_000)
    assert clock.wall_ms(2.0) < NOON - HOUR + 1_100


def test_before_any_clock_was_seen_nothing_is_old() -> None:
    assert SteadyClock().wall_ms(1e9) == 0
