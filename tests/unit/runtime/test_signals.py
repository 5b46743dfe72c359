from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from sidecar.runtime.signals import Signals

PROGRAM = """
import sys, threading
from sidecar.runtime.signals import Signals
class Told(Signals):
    def request(self):
        super().request()
        print("requested" if self.requested_at is not None else "nothing", flush=True)
Told().install()
print("ready", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)],
)
def test_the_first_signal_requests_a_drain_and_the_second_ends_the_process(first: signal.Signals, second: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        process.send_signal(first)
        said.append(process.stdout.readline())
        alive = process.poll() is None
        process.send_signal(second)
        status = process.wait(30)

    assert said == ["ready\n", "requested\n"]
    assert alive
    assert status == 128 + second


def test_a_later_request_does_not_move_the_deadline() -> None:
    signals = Signals()
    before = signals.requested_at
    signals.request()
    first = signals.requested_at
    signals.request()

    assert before is None
    assert first is not None
    assert signals.requested_at == first
