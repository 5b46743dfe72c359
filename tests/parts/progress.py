"""How far a sidecar is, measured by the log itself.

Its own word can be old: a status is made two to four times a second, and the log ends in it are asked for every two seconds. So a sidecar that was caught up
still says so for a moment after more was produced.
"""

from __future__ import annotations

from typing import Any

from tests.parts.process import RunningSidecar
from tests.parts.topics import committed, log_ends
from tests.parts.waiting import wait_for


def wait_caught_up(sidecar: RunningSidecar, bootstrap: str, topic: str, within: float) -> Any:
    """Return the first status in which ``sidecar`` has every partition of ``topic`` and each record that is in the log now has its outcome."""
    ends = {number: end for number, end in log_ends(bootstrap, topic).items() if end}

    def has_outcomes(status: Any) -> bool:
        firsts = {each["partition"]: each["committable"] for each in status["partitions"] if each["topic"] == topic}
        return all(firsts.get(number) == end for number, end in ends.items())

    return sidecar.wait_status(has_outcomes, f"every record of {topic} up to {ends} has its outcome", within)


def wait_committed(bootstrap: str, group: str, topic: str, within: float) -> None:
    """Return when ``group`` has committed all that is in ``topic`` now."""
    ends = log_ends(bootstrap, topic)
    wait_for(lambda: committed(bootstrap, group, topic) == ends, f"{group} has committed {topic} up to {ends}", within)
