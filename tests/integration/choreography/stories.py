"""What happens to the first pod of a case, up to its end."""

from __future__ import annotations

from tests.integration.choreography.scene import LONG, UNDER_LOAD, Stage


def deleted(stage: Stage) -> None:
    """Delete the pod under load."""
    _run_under_load(stage)
    _delete(stage)


def deleted_by_two_hooks(stage: Stage) -> None:
    """Delete the pod under load; what has come to the application is taken once the sidecar's own hook has begun its drain, or the other might be over before."""
    _run_under_load(stage)
    stage.hold()
    stage.pod.delete()
    stage.pod.wait_for(stage.sidecar_drains, "the sidecar drains", LONG)
    stage.let_go()
    stage.pod.wait_over(LONG)


def app_restarted(stage: Stage) -> None:
    """Let the application's liveness probe fail under load; it is restarted and goes on, and the pod is deleted later."""
    _run_under_load(stage)
    stage.pod.fail_liveness("app")
    _go_on_after_restart_of(stage, "app")
    _delete(stage)


def app_crashes(stage: Stage) -> None:
    """Kill the application under load, as for want of memory."""
    _run_under_load(stage)
    stage.pod.crash("app")
    _go_on_after_restart_of(stage, "app")
    _delete(stage)


def sidecar_restarted(stage: Stage) -> None:
    """Let the sidecar's liveness probe fail under load."""
    _run_under_load(stage)
    stage.pod.fail_liveness("sidecar")
    _go_on_after_restart_of(stage, "sidecar")
    _delete(stage)


def sidecar_crashes(stage: Stage) -> None:
    """Kill the sidecar under load."""
    _run_under_load(stage)
    stage.pod.crash("sidecar")
    _go_on_after_restart_of(stage, "sidecar")
    _delete(stage)


def app_hangs(stage: Stage) -> None:
    """Let the application answer nothing any more, and delete the pod."""
    _run_under_load(stage)
    stage.hangs.touch()
    _delete(stage)
    stage.hangs.unlink()


def deleted_without_kafka(stage: Stage) -> None:
    """Delete the pod when Kafka has gone away under load; from before that until its end has begun the application takes nothing, or all might be taken."""
    _run_under_load(stage)
    stage.hold()
    _kafka_goes(stage)
    stage.pod.delete()
    seen = stage.pod.journal.times
    stage.pod.wait_for(lambda: bool(seen("app hook begin") or seen("sidecar TERM")), "the end of the pod has begun", LONG)
    stage.let_go()
    stage.pod.wait_over(LONG)
    _kafka_comes_back(stage)


def created_without_kafka(stage: Stage) -> None:
    """Create the pod while Kafka is away; delete it under load, when that is back."""
    _kafka_goes(stage)
    stage.raise_pod()
    stage.pod.wait_for(lambda: bool(stage.pod.journal.times("app start")) and stage.app_answers(), "the app runs", LONG)
    _kafka_comes_back(stage)
    stage.wait_taken(UNDER_LOAD)
    _delete(stage)


def _kafka_goes(stage: Stage) -> None:
    """Meet the others, and again when Kafka is away for all."""
    stage.meet()
    stage.meet()


def _kafka_comes_back(stage: Stage) -> None:
    """Meet the others, and again when Kafka is back for all."""
    stage.meet()
    stage.meet()
    stage.pod.journal.add("Kafka back")


def _run_under_load(stage: Stage) -> None:
    stage.raise_pod()
    stage.wait_taken(UNDER_LOAD)


def _delete(stage: Stage) -> None:
    stage.pod.delete()
    stage.pod.wait_over(LONG)


def _go_on_after_restart_of(stage: Stage, name: str) -> None:
    stage.pod.wait_for(lambda: len(stage.pod.journal.times(f"{name} start")) == 2, f"{name} is started again", LONG)
    stage.wait_taken(UNDER_LOAD)
