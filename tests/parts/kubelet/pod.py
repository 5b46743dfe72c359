"""A pod of real processes, treated as a kubelet treats its containers: the shell around :class:`~tests.parts.kubelet.worker.PodWorker`.

One thread owns the worker and starts the processes; what happens elsewhere (a hook ended, a process ended, a probe passed, the test wants
the pod deleted) reaches it by a queue. All of it goes into the pod's journal: ``<name> start``, ``<name> hook begin``, ``<name> hook end``,
``<name> TERM``, ``<name> KILL``, ``<name> exit`` with the status, and ``deleted``.

A hook is as a kubelet's: ``exec`` of a command in the container's environment, ``httpGet`` whose status means nothing, ``sleep``. None of
them is stopped when its time is over.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.parts.child import Child
from tests.parts.kubelet.journal import Journal
from tests.parts.kubelet.worker import (
    Action,
    Container,
    Created,
    Deleted,
    Event,
    Exited,
    HookEnded,
    PodWorker,
    Started,
    Tick,
    Unhealthy,
    Verb,
)
from tests.parts.waiting import wait_for

LONGEST_HOOK = 120.0
"""Seconds after which a hook of a test is given up, whatever the grace period."""


@dataclass(frozen=True, slots=True)
class Exec:
    """A hook that runs a command in the container."""

    argv: Sequence[str]


@dataclass(frozen=True, slots=True)
class HttpGet:
    """A hook that asks ``path`` at ``port``, which may be another container's."""

    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """A hook that waits."""

    seconds: float


Hook = Exec | HttpGet | Sleep


@dataclass(frozen=True, slots=True)
class Program:
    """A container of the pod: what runs in it. ``startup`` is its startup probe: whether it has started."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    is_sidecar: bool = False
    hook: Hook | None = None
    startup: Callable[[], bool] | None = None

    @property
    def container(self) -> Container:
        """The same as the worker knows it."""
        return Container(self.name, self.is_sidecar, self.hook is not None, self.startup is not None)


class Pod:
    """A pod of ``programs`` with its grace period in seconds; logs (``<name>.log``) and files below ``folder``.

    ``before_start`` is called with a container's name before each start of it, with nothing of it running.
    """

    def __init__(
        self, programs: Sequence[Program], grace: int, folder: Path, before_start: Callable[[str], None] = lambda _name: None
    ) -> None:
        self.journal = Journal()
        self._programs = {program.name: program for program in programs}
        self._worker = PodWorker(tuple(program.container for program in programs), grace)
        self._folder = folder
        self._before_start = before_start
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._children: dict[str, Child] = {}
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"kubelet-{folder.name}", daemon=True)

    def create(self) -> None:
        """Start it."""
        self._events.put(Created())
        self._thread.start()

    def delete(self) -> None:
        """Have it ended gracefully; :meth:`wait_over` waits for it."""
        self.journal.add("deleted")
        self._events.put(Deleted())

    def fail_liveness(self, name: str) -> None:
        """Have a container restarted as one whose liveness probe failed."""
        self.journal.add(f"{name} unhealthy")
        self._events.put(Unhealthy(name))

    def crash(self, name: str) -> None:
        """End a container's process from outside, as the kernel does when memory is short."""
        self.journal.add(f"{name} crash")
        self._children[name].send(signal.SIGKILL)

    def wait_over(self, within: float) -> None:
        """Return when it was deleted and all of it is gone; raises what went wrong in the kubelet's thread."""
        self._thread.join(within)
        if self._failure is not None:
            raise self._failure
        if self._thread.is_alive():
            raise TimeoutError(f"the pod is not gone within {within:g} s:\n{self.journal}")

    def wait_for(self, look: Callable[[], bool], what: str, within: float) -> None:
        """Return when ``look()`` holds; raise when it never does, or when the kubelet's thread ended."""

        def look_while_it_lives() -> bool:
            if self._failure is not None:
                raise self._failure
            return look()

        try:
            wait_for(look_while_it_lives, what, within)
        except TimeoutError as error:
            logs = "".join(f"\n{name}: {child.tail()}" for name, child in self._children.items())
            raise TimeoutError(f"{error}\n{self.journal}{logs}") from None

    def close(self) -> None:
        """End what still runs, at once."""
        for child in self._children.values():
            child.end(grace=0)

    def _run(self) -> None:
        try:
            while not self._worker.over:
                event = self._next_event()
                for action in self._worker.handle(event, time.monotonic()):
                    self._do(action)
        except BaseException as failure:  # noqa: BLE001 -- raised again in the test's thread
            self._failure = failure
            self.close()

    def _next_event(self) -> Event:
        due = self._worker.next_due
        try:
            return self._events.get(timeout=None if due is None else max(due - time.monotonic(), 0.0))
        except Empty:
            return Tick()

    def _do(self, action: Action) -> None:
        verb, name = action
        match verb:
            case Verb.START:
                self._start(self._programs[name])
            case Verb.RUN_HOOK:
                self._aside(self._run_hook, self._programs[name])
            case Verb.TERM:
                self.journal.add(f"{name} TERM")
                self._children[name].send(signal.SIGTERM)
            case Verb.KILL:
                self.journal.add(f"{name} KILL")
                self._children[name].send(signal.SIGKILL)

    def _start(self, program: Program) -> None:
        self._before_start(program.name)
        self.journal.add(f"{program.name} start")
        log = self._folder / f"{program.name}.log"
        child = Child(program.argv, env=program.env, folder=self._folder, log=log)
        self._children[program.name] = child
        # Opened before any other thread can ask how it ended: after that its number means nothing, or another process.
        self._aside(self._watch, program.name, child, os.pidfd_open(child.pid))
        if program.startup is not None:
            self._aside(self._probe, program.name, child, program.startup)

    def _aside(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _watch(self, name: str, child: Child, descriptor: int) -> None:
        """Tell when a process ends."""
        try:
            select.select([descriptor], [], [])
        finally:
            os.close(descriptor)
        self.journal.add(f"{name} exit", child.wait(within=1))
        self._events.put(Exited(name))

    def _probe(self, name: str, child: Child, startup: Callable[[], bool]) -> None:
        """Tell when the startup probe passes."""

        def started() -> bool:
            with suppress(OSError, HTTPException):
                return startup()
            return False

        wait_for(lambda: not child.running or started(), f"{name} started", LONGEST_HOOK)
        if child.running:
            self._events.put(Started(name))

    def _run_hook(self, program: Program) -> None:
        self.journal.add(f"{program.name} hook begin")
        match program.hook:
            case Exec(argv):
                detail = self._execute(program, argv)
            case HttpGet(port, path):
                detail = get(port, path)
            case Sleep(seconds):
                time.sleep(seconds)
                detail = ""
            case None:
                raise AssertionError(f"{program.name} has no hook")
        self.journal.add(f"{program.name} hook end", detail)
        self._events.put(HookEnded(program.name))

    def _execute(self, program: Program, argv: Sequence[str]) -> str:
        log = self._folder / f"{program.name}-hook.log"
        with log.open("ab") as output:
            ended = subprocess.run(
                argv, env=dict(program.env), cwd=self._folder, stdout=output, stderr=output, timeout=LONGEST_HOOK, check=False
            )
        return f"status {ended.returncode}"


def get(port: int, path: str) -> str:
    """Ask as an ``httpGet`` hook does, and return the status for people: a kubelet looks only whether there is one."""
    connection = HTTPConnection("127.0.0.1", port, timeout=LONGEST_HOOK)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return f"{response.status} {response.read().decode(errors='replace').strip()}"
    except (OSError, HTTPException) as error:
        return f"FailedPreStopHook: {error}"
    finally:
        connection.close()
