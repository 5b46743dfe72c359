"""How pods start and end, on real processes and a real Kafka, treated as a kubelet treats them.

Three shapes × hooks (of the sidecar, of the application: ``httpGet``, a command or ``sleep``) × what happens are more than need be run. These are; of the
others each does what one of these does:

* **Deletion under load** is run for each shape with and without hooks. Not run: ``sleep`` in other shapes (it moves only the
  application's signal), hooks of the application in inverted pods (it leaves last anyway).
* **Restarts and crashes of one container** are run on native pods: the kubelet treats that container alone, so the shape has no part in it.
  Not run: a crash of the application with hooks (a crash runs none), and of both at once (each is bounded by itself).
* **A hanging application and the end of the grace period** are run where the order differs: native (both wait), classic (nobody waits) and
  inverted (the sidecar is first).
* **Kafka away** has a module of its own, since it is away for all.
"""

from __future__ import annotations

import pytest

from tests.integration.choreography import stories
from tests.integration.choreography.checks import assert_accounted, assert_choreography
from tests.integration.choreography.playing import Play
from tests.integration.choreography.scene import AppHook, Case, Repeats, Shape

STATIC = {"KAFKA__GROUP_INSTANCE_ID": "pod-0"}
"""A killed member's place is taken by its successor at once, and not when its session has expired."""

APP_FIRST = ["deleted", "app TERM", "app exit", "sidecar TERM", "sidecar exit"]
DRAINED_BEFORE_APP = ["deleted", "app hook begin", "last delivery", "app hook end", *APP_FIRST[1:]]

PATIENT = {"DRAIN_TIMEOUT": "20s"}
"""The application's hook waits as long as a drain may take, and so until the sidecar's own one, a program that must first start, has drained."""

DELETIONS = [
    Case(
        "deleted",
        Shape.NATIVE,
        stories.deleted_by_two_hooks,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["sidecar hook begin", "last delivery", "sidecar: group.left", "app hook end", *APP_FIRST[1:]],
        undisturbed=True,
        settings=PATIENT,
    ),
    Case("deleted", Shape.NATIVE, stories.deleted, app_hook=AppHook.DRAIN, order=DRAINED_BEFORE_APP, undisturbed=True),
    Case(
        "deleted",
        Shape.NATIVE,
        stories.deleted,
        own_hook=True,
        app_hook=AppHook.COMMAND,
        order=DRAINED_BEFORE_APP,
        undisturbed=True,
    ),
    Case("deleted", Shape.NATIVE, stories.deleted, own_hook=True, app_hook=AppHook.SLEEP, order=["app hook end", *APP_FIRST[1:]]),
    Case("deleted", Shape.NATIVE, stories.deleted, own_hook=True, order=APP_FIRST, exits=[3]),
    Case("deleted", Shape.NATIVE, stories.deleted, order=APP_FIRST, exits=[3]),
    Case(
        "deleted",
        Shape.CLASSIC,
        stories.deleted_by_two_hooks,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["last delivery", "sidecar: group.left", "app hook end", "app TERM"],
        undisturbed=True,
        settings=PATIENT,
    ),
    Case(
        "deleted",
        Shape.CLASSIC,
        stories.deleted,
        app_hook=AppHook.DRAIN,
        order=["sidecar TERM", "last delivery", "app hook end", "app TERM"],
        undisturbed=True,
    ),
    Case("deleted", Shape.CLASSIC, stories.deleted, order=["deleted", "app TERM", "app exit", "sidecar exit"], exits=[3]),
    Case(
        "deleted",
        Shape.INVERTED,
        stories.deleted,
        order=["sidecar TERM", "last delivery", "sidecar: group.left", "sidecar exit", "app TERM", "app exit"],
        undisturbed=True,
    ),
    Case(
        "deleted",
        Shape.INVERTED,
        stories.deleted,
        own_hook=True,
        order=["sidecar hook begin", "last delivery", "sidecar hook end", "sidecar TERM", "sidecar exit", "app TERM", "app exit"],
        undisturbed=True,
    ),
]

RESTARTS = [
    Case(
        "the application is restarted",
        Shape.NATIVE,
        stories.app_restarted,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["app unhealthy", "app hook begin", "app hook end", "app TERM", "app exit", "app start", *DRAINED_BEFORE_APP],
        undisturbed=True,
    ),
    Case(
        "the application is restarted",
        Shape.NATIVE,
        stories.app_restarted,
        order=["app TERM", "app start", *APP_FIRST],
        exits=[3],
    ),
    Case(
        "the application crashes",
        Shape.NATIVE,
        stories.app_crashes,
        order=["app crash", "app start"],
        exits=[3],
        repeats=Repeats.SOME,
    ),
    Case(
        "the sidecar is restarted",
        Shape.NATIVE,
        stories.sidecar_restarted,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["sidecar hook begin", "sidecar hook end", "sidecar TERM", "sidecar exit", "sidecar start", *DRAINED_BEFORE_APP],
        exits=[0, 0],
        undisturbed=True,
        grace=8,
    ),
    Case(
        "the sidecar crashes",
        Shape.NATIVE,
        stories.sidecar_crashes,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["sidecar crash", "sidecar start", *DRAINED_BEFORE_APP],
        exits=[-9, 0],
        repeats=Repeats.SOME,
        settings=STATIC,
    ),
]

HANGS = [
    Case(
        "the application hangs",
        Shape.NATIVE,
        stories.app_hangs,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["app hook begin", "app hook end", *APP_FIRST[1:]],
        exits=[3],
        repeats=Repeats.EXACTLY,
    ),
    Case(
        "the application hangs",
        Shape.CLASSIC,
        stories.app_hangs,
        order=["sidecar TERM", "sidecar exit"],
        exits=[3],
        repeats=Repeats.EXACTLY,
    ),
    Case(
        "the application hangs",
        Shape.INVERTED,
        stories.app_hangs,
        order=["sidecar exit", "app TERM", "app exit"],
        exits=[3],
        repeats=Repeats.EXACTLY,
    ),
]

FOR_EVER = {"DRAIN_TIMEOUT": "250s", **STATIC}
EXPIRIES = [
    Case(
        "the application heeds no SIGTERM, and the grace period ends",
        Shape.NATIVE,
        stories.deleted_by_two_hooks,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["last delivery", "sidecar: group.left", "app hook end", "app TERM", "app KILL", "sidecar exit"],
        undisturbed=True,
        grace=6,
        settings=PATIENT,
        app={"APP_STUBBORN": "1"},
    ),
    Case(
        "the application hangs, the drain may take minutes, and the grace period ends",
        Shape.NATIVE,
        stories.app_hangs,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["app hook begin", "app TERM", "sidecar KILL", "sidecar exit"],
        exits=[-9],
        repeats=Repeats.EXACTLY,
        grace=4,
        settings=FOR_EVER,
    ),
    Case(
        "the application hangs, the drain may take minutes, and the grace period ends",
        Shape.INVERTED,
        stories.app_hangs,
        order=["sidecar TERM", "sidecar KILL", "sidecar exit", "app exit"],
        exits=[-9],
        repeats=Repeats.EXACTLY,
        grace=4,
        settings=FOR_EVER,
    ),
]

CASES = [*HANGS, *EXPIRIES, *RESTARTS, *DELETIONS]  # the long ones first: they are played at the same time

each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_case
def test_nothing_is_lost_or_dropped_and_repeats_are_only_where_something_was_killed(play: Play, case: Case) -> None:
    assert_accounted(case, play(case))


@each_case
def test_the_pod_ends_in_the_promised_order(play: Play, case: Case) -> None:
    assert_choreography(case, play(case))
