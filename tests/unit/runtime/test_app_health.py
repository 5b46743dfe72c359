from __future__ import annotations

from queue import SimpleQueue

import pytest

from sidecar.runtime.app_health import AppHealthWatch, Checking, Streak
from sidecar.runtime.commands import AppChanged


@pytest.mark.parametrize(
    ("checks", "changes"),
    [
        ("+++", "__+"),
        ("++++++", "__+___"),
        ("++-+++", "__-__+"),
        ("-", "-"),
        ("---", "-__"),
        ("-+++", "-__+"),
        ("-++-+++", "-_____+"),
        ("+++-+++", "__+-__+"),
        ("+++-+-+++", "__+-____+"),
    ],
)
def test_it_is_healthy_after_three_in_a_row_and_is_not_after_one_failure(checks: str, changes: str) -> None:
    streak = Streak(3)
    said = [streak.add(None if check == "+" else "503") for check in checks]
    assert "".join({None: "_", AppChanged(None): "+", AppChanged("503"): "-"}[change] for change in said) == changes


def test_it_asks_at_once_and_again_and_tells_only_changes() -> None:
    answers = iter([None, None, "refused", "503", None, None])
    told: SimpleQueue[AppChanged] = SimpleQueue()
    asked: SimpleQueue[float] = SimpleQueue()

    def check(timeout: float) -> str | None:
        asked.put(timeout)
        return next(answers, "over")

    watch = AppHealthWatch(check, Checking(interval=0.001, timeout=0.25, healthy_after=2), told.put)
    watch.start()
    assert [told.get(timeout=30) for _ in range(4)] == [
        AppChanged(None),
        AppChanged("refused"),
        AppChanged(None),
        AppChanged("over"),
    ]
    assert asked.get(timeout=30) == 0.25
    watch.stop()
