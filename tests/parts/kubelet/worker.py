"""What a kubelet does with the containers of one pod, and when: a pure state machine. Events in, actions out, time as an argument.

It follows the kubelet of Kubernetes 1.33 (``kuberuntime_container.go``, ``kuberuntime_termination_order.go``) and KEP-753.

Start: sidecars (init containers that restart) one after the other in their order, each once the one before it has started: it runs, and
its startup probe passed if it has one. Then all main containers.

Deletion of the pod, at the same time for each container that runs::

    runs ──▶ hook ──▶ turn ──▶ stopping ──▶ gone
             │        │        └ TERM with what is left of the grace period, at least 2 s; then KILL
             │        └ a sidecar waits until all main containers and all sidecars after it are gone, or no grace is left
             └ its own preStop hook, at once; after the grace period it is waited for no longer (nobody stops it)

The hook and the turn are paid from the grace period in whole seconds, rounded down, as the kubelet does. A container that ended is not
started again then. A container whose liveness probe fails goes the same way alone, without a turn, and is started again; one that ends
by itself is started again without any hook.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

LEAST_GRACE = 2
"""Seconds between TERM and KILL, however little is left of the grace period."""


@dataclass(frozen=True, slots=True)
class Container:
    """``is_sidecar``: an init container with ``restartPolicy: Always``; else it is a main container."""

    name: str
    is_sidecar: bool = False
    has_hook: bool = False
    has_startup_probe: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    """The pod came to this node."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """The pod is to go."""


@dataclass(frozen=True, slots=True)
class Started:
    """The startup probe of a container passed."""

    name: str


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """The liveness probe of a container failed too often."""

    name: str


@dataclass(frozen=True, slots=True)
class HookEnded:
    """The preStop hook of a container is over; how it ended is no matter."""

    name: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The process of a container ended."""

    name: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""


Event = Created | Deleted | Started | Unhealthy | HookEnded | Exited | Tick


class Verb(enum.Enum):
    """What is to be done with a container."""

    START = "start"
    RUN_HOOK = "hook"
    TERM = "TERM"
    KILL = "KILL"


Action = tuple[Verb, str]
"""What to do, and with which container."""


class Stage(enum.Enum):
    """Where a container is; the last four are its way out."""

    ABSENT = "absent"
    STARTING = "starting"
    RUNNING = "running"
    HOOK = "hook"
    TURN = "turn"
    STOPPING = "stopping"
    KILLED = "killed"


LEAVING = frozenset({Stage.HOOK, Stage.TURN, Stage.STOPPING, Stage.KILLED})


@dataclass(slots=True)
class _State:
    container: Container
    stage: Stage = Stage.ABSENT
    since: float = 0.0
    """When its stage began."""
    grace: int = 0
    """Seconds that were left of the grace period then."""
    hook_ended: bool = False
    waits_for: frozenset[str] = field(default_factory=frozenset)
    """The containers that must be gone before its turn comes."""

    def goes_to(self, stage: Stage, now: float) -> None:
        self.stage, self.since = stage, now

    def spent(self, now: float) -> bool:
        return now >= self.since + self.grace

    def pay(self, now: float) -> None:
        """Take the time of this stage from the grace period, in whole seconds."""
        self.grace = max(self.grace - int(now - self.since), 0)


class PodWorker:
    """One pod with its ``containers`` in the order of its manifest and its grace period in seconds."""

    def __init__(self, containers: tuple[Container, ...], grace: int) -> None:
        assert sorted(containers, key=lambda container: not container.is_sidecar) == list(containers), "sidecars come first"
        self._states = {container.name: _State(container) for container in containers}
        self._grace = grace
        self._deleted = False

    @property
    def over(self) -> bool:
        """Whether the pod was deleted and all of its containers are gone."""
        return self._deleted and all(state.stage is Stage.ABSENT for state in self._states.values())

    @property
    def next_due(self) -> float | None:
        """When a :class:`Tick` is wanted, at the latest; None: not before another event."""
        bounded = (Stage.HOOK, Stage.TURN, Stage.STOPPING)
        return min((state.since + state.grace for state in self._states.values() if state.stage in bounded), default=None)

    def handle(self, event: Event, now: float) -> list[Action]:
        """Return what is to be done, in order, now that ``event`` happened."""
        return [*self._note(event, now), *self._let_go(now), *self._bring_up(now)]

    def _note(self, event: Event, now: float) -> Iterator[Action]:
        match event:
            case Deleted():
                self._deleted = True
                running = frozenset(name for name, state in self._states.items() if state.stage is not Stage.ABSENT)
                for name in running:
                    assert self._states[name].stage not in LEAVING, f"{name} leaves already: a pod does one thing at a time"
                for name in [name for name in self._states if name in running]:
                    yield from self._take_leave(name, running & self._before(name), now)
            case Unhealthy(name):
                yield from self._take_leave(name, frozenset(), now)
            case Started(name):
                if self._states[name].stage is Stage.STARTING:  # else it is on its way out already
                    self._states[name].goes_to(Stage.RUNNING, now)
            case HookEnded(name):
                self._states[name].hook_ended = True
            case Exited(name):
                self._states[name].goes_to(Stage.ABSENT, now)
            case Created() | Tick():
                pass

    def _before(self, name: str) -> frozenset[str]:
        """Return the containers that are to be gone before ``name``: for a sidecar the main ones and the sidecars after it."""
        if not self._states[name].container.is_sidecar:
            return frozenset()
        names = list(self._states)
        later = names[names.index(name) + 1 :]
        return frozenset(other for other in names if other in later or not self._states[other].container.is_sidecar)

    def _take_leave(self, name: str, waits_for: frozenset[str], now: float) -> Iterator[Action]:
        state = self._states[name]
        state.grace, state.waits_for, state.hook_ended = self._grace, waits_for, not state.container.has_hook
        state.goes_to(Stage.HOOK, now)
        if state.container.has_hook:
            yield Verb.RUN_HOOK, name

    def _let_go(self, now: float) -> Iterator[Action]:
        """Move what leaves as far as it may go."""
        for name, state in self._states.items():
            if state.stage is Stage.HOOK and (state.hook_ended or state.spent(now)):
                state.pay(now)
                state.goes_to(Stage.TURN, now)
            if state.stage is Stage.TURN and (state.spent(now) or all(map(self._gone, state.waits_for))):
                state.pay(now)
                state.grace = max(state.grace, LEAST_GRACE)
                state.goes_to(Stage.STOPPING, now)
                yield Verb.TERM, name
            if state.stage is Stage.STOPPING and state.spent(now):
                state.goes_to(Stage.KILLED, now)
                yield Verb.KILL, name

    def _gone(self, name: str) -> bool:
        return self._states[name].stage is Stage.ABSENT

    def _bring_up(self, now: float) -> Iterator[Action]:
        """Start what is not there: a sidecar when those before it have started, a main container when all sidecars have."""
        for name, state in self._states.items() if not self._deleted else ():
            if state.stage is Stage.ABSENT:
                probed = state.container.has_startup_probe
                state.goes_to(Stage.STARTING if probed else Stage.RUNNING, now)
                yield Verb.START, name
            if state.stage is Stage.STARTING and state.container.is_sidecar:
                return
