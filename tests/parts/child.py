"""A program started by a test: its output goes to a file, and it never outlives the test run."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Program(Protocol):
    """A program that a test runs: a process (:class:`Child`), or a container."""

    @property
    def log(self) -> Path:
        """The file with what it has printed."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the program has ended."""

    def wait(self, within: float) -> int:
        """Return the exit status, or raise ``TimeoutError`` with the end of the log."""

    def end(self, grace: float) -> int:
        """Ask it to end, kill it after ``grace`` seconds (0: at once), and return the exit status."""

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""


class Child:
    """A running program with exactly the environment ``env``; standard output and error are appended to ``log``."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], folder: Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_leash(), *argv], env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the program has ended."""
        self._process.send_signal(number)

    def wait(self, within: float) -> int:
        """Return the exit status (negative: ended by that signal), or raise ``TimeoutError`` with the end of the log."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"process {self.pid} still runs after {within:g} s; its log ends:\n{self.tail()}") from None

    def end(self, grace: float) -> int:
        """Ask it to end, kill it after ``grace`` seconds (0: at once), and return the exit status."""
        if self.running and grace:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                return self._process.wait(grace)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
        elif self.running:
            self.send(signal.SIGKILL)
        return self._process.wait()

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            return "".join(deque(log, lines))


def _leash() -> Sequence[str]:
    """Have the kernel kill the program when the test run dies without cleaning up (where util-linux is at hand)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
