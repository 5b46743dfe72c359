"""Why a partition is behind: one verdict of a closed list, a sentence for people, and the numbers that it rests on. Pure.

The rules of :mod:`sidecar.observe.verdict_rules` are asked in order, and the first that has something to say decides. A process is what the
most serious of its partitions is; the order of :class:`Verdict` goes from what only a person can mend to what mends itself.
docs/STATUS.md tells of each what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.core.snapshot import PartitionView
from sidecar.observe.lag import end_of, lag_of
from sidecar.observe.scene import Case, Scene, Verdict, Why, every, span
from sidecar.observe.verdict_rules import RULES, keeps_up, silence

__all__ = ["Scene", "Verdict", "Why", "explain", "explain_process"]

ON_TIME = (Verdict.OK, Verdict.IDLE)

_SERIOUSNESS = {verdict: rank for rank, verdict in enumerate(Verdict)}


def explain(view: PartitionView, scene: Scene) -> Why:
    """Say why ``view`` is behind, or that it is not."""
    case = Case(view, scene, end_of(scene.log_ends, view), scene.trend.partitions.get(view.tp))
    for rule in RULES:
        why = rule(case)
        if why is not None:
            return why
    return keeps_up(case)


def explain_process(scene: Scene, whys: Sequence[Why] | None = None) -> Why:
    """Say the most serious of its partitions' verdicts, or why it has none; ``whys`` are theirs where they are known already."""
    views = scene.report.engine.partitions
    if not views:
        return _without_partitions(scene)
    whys = [explain(view, scene) for view in views] if whys is None else whys
    worst = min(whys, key=lambda why: _SERIOUSNESS[why.verdict])
    same = [view for view, why in zip(views, whys, strict=True) if why.verdict is worst.verdict]
    evidence = {"partitions": len(same), "of": len(views), **worst.evidence}
    if worst.verdict in ON_TIME:
        return Why(worst.verdict, _on_time(scene, worst.verdict, whys), evidence)
    return Why(worst.verdict, f"{_who(scene, same)}: {worst.sentence}", evidence)


def _without_partitions(scene: Scene) -> Why:
    report = scene.report
    if report.phase in ("drained", "stopped"):
        return Why(Verdict.HELD_BY_OPERATOR, report.waits_for or "the process has drained and left its group", {"partitions": 0})
    if report.engine.draining:
        return Why(Verdict.HELD_BY_OPERATOR, "the process drains and has no partitions any more", {"partitions": 0})
    if (silent := silence(scene)) is not None:
        return silent
    if report.waits_for is not None:
        return Why(Verdict.DOWNSTREAM_DOWN, report.waits_for, {"partitions": 0})
    if report.trouble is not None:
        return Why(Verdict.BROKER_STALL, report.trouble, {"partitions": 0})
    said = "the group has given this process no partition; it has more members than partitions, or is still sharing them out"
    return Why(Verdict.REBALANCING, said, {"partitions": 0, "rebalances": sum(report.rebalances.values())})


def _who(scene: Scene, same: Sequence[PartitionView]) -> str:
    """Return which partitions they are, and how late the latest of them is."""
    total = len(scene.report.engine.partitions)
    wall_ms = scene.report.wall_ms + int((scene.now - scene.report.made_at) * 1000)
    lags = [lag_of(view, end_of(scene.log_ends, view), wall_ms).seconds for view in same]
    late = max((seconds for seconds in lags if seconds is not None), default=0.0)
    behind = f" behind by {span(late)}" if late else ""
    if total == 1:
        return f"{same[0].tp}{behind}"
    return f"{len(same)} of {every(total, 'partition')}{behind}"


def _on_time(scene: Scene, verdict: Verdict, whys: Sequence[Why]) -> str:
    total = len(whys)
    if verdict is Verdict.IDLE:
        return f"nothing to do: {every(total, 'partition')} delivered to the end"
    idle = sum(why.verdict is Verdict.IDLE for why in whys)
    rate = scene.trend.latest.delivered
    pace = "" if rate is None else f", {rate:,.0f} records/s delivered"
    quiet = f" ({idle} idle)" if idle else ""
    return f"on time: {every(total, 'partition')}{quiet}{pace}"
