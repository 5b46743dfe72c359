"""Numbers as a dashboard shows them: with their unit, and no more digits than one reads."""

from __future__ import annotations

import math
import time

_SECONDS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))
_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"))
_SUFFIX = {"rowsps": "/s", "reqps": "/s", "ops": "/s", "Bps": "/s"}


def shown(value: float, unit: str, decimals: int | None) -> str:
    """Return ``value`` in Grafana's ``unit``."""
    if math.isnan(value):
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.{0 if decimals is None else decimals}f} %"
    if unit == "s":
        return _scaled(value, _SECONDS, " ")
    if unit in {"bytes", "Bps"}:
        return (_scaled(value, _BYTES, "") if abs(value) >= 1024 else f"{value:.0f} B") + _SUFFIX.get(unit, "")
    return _scaled(value, _THOUSANDS, " ") + _SUFFIX.get(unit, "")


def ticks(low: float, high: float, unit: str) -> list[float]:
    """Return round numbers of a multiple of ``unit``, three to six of them, that reach from ``low`` to ``high`` at least."""
    sizes = {"s": _SECONDS[:3], "bytes": _BYTES, "Bps": _BYTES}.get(unit, ())
    scale = next((size for size, _ in sizes if high >= 2 * size), 1.0)
    return [mark * scale for mark in _round_marks(low / scale, high / scale)]


def _round_marks(low: float, high: float) -> list[float]:
    rough = max(high - low, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    count = math.ceil((high - low) / step - 1e-9)
    return [low + step * index for index in range(count + 1)]


def clock(moment: float) -> str:
    """Return the time of the day, in UTC."""
    return time.strftime("%H:%M:%S", time.gmtime(moment))


def _scaled(value: float, units: tuple[tuple[float, str], ...], space: str) -> str:
    for size, name in units:
        if abs(value) >= size * 0.9995:
            return f"{_short(value / size)}{space}{name}"
    return _short(value)


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
