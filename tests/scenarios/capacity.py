"""What a downstream can do at most, by closed forms: the measure of every law."""

from __future__ import annotations

from math import exp, inf

from tests.scenarios.scenario import Link, Step

HANG = 30.0
"""How long a call hangs before it times out, in seconds."""
RATIO = 9.0
"""e/(1-e) at e = 0.9, the share of the time that is to be spent on records."""


def seconds_of(step: Step, records: float) -> float:
    """Return the mean time of a flush that runs alone."""
    link = step.link
    return link.fixed_ms / 1e3 + (link.record_us + link.kib_us * step.work.record_bytes / 1024) / 1e6 * records


def median_of(step: Step, records: float) -> float:
    """Return the median time of a flush that runs alone."""
    return seconds_of(step, records) * exp(-(step.link.jitter**2) / 2)


def capacity(step: Step) -> float:
    """Return how many records a second can be delivered at most.

    By the servers (by Little's law all but those places that hang); by the rate; by what arrives; at the size that is wanted where the law chooses it.
    """
    size = best_size(step)
    each = seconds_of(step, size)
    by_places = step.work.max_in_flight / (each + step.link.hangs * HANG)
    return min(min(_at_once(step) / each, by_places, step.link.rate) * size, step.work.arrivals)


def _at_once(step: Step) -> float:
    link = step.link
    if not link.sigma:
        return link.servers
    return max(n / crowd(link, n) for n in range(1, step.work.max_in_flight + 1))


def crowd(link: Link, running: int) -> float:
    """Return how many times as long a flush takes because ``running`` run."""
    return 1 + link.sigma * (running - 1) + link.kappa * running * (running - 1)


def best_size(step: Step) -> float:
    """Return the mean size of the batches: the closed form where the law chooses it."""
    sizes, fixed = step.work.sizes, seconds_of(step, 0)
    if not isinstance(sizes, str):
        return sum(sizes) / 2
    slope = seconds_of(step, 1) - fixed
    timely = (step.work.target_ms / 1e3 - fixed) / slope if slope else inf
    return min(RATIO * fixed / slope if slope else inf, timely, step.work.max_batch)
