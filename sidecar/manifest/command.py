"""What ``kafka-sidecar manifest`` prints, of its options and the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from sidecar.manifest.pod import deployment, patch
from sidecar.manifest.validate import check
from sidecar.manifest.wish import Wish
from sidecar.manifest.yaml import dump
from sidecar.settings.environment import is_of_kubernetes
from sidecar.settings.model import PREFIX

HEADS: Mapping[str, str] = {
    "native": "# For the pod template of your application: kubectl patch deployment NAME --patch-file FILE, or kustomize.\n",
    "classic": "# For the pod template of your application: kubectl patch deployment NAME --patch-file FILE, or kustomize.\n",
    "inverted": (
        "# For the pod template of your application. Move its own container to initContainers, with restartPolicy: Always:\n"
        "# so it starts before the sidecar, and stops after it.\n"
    ),
    "standalone": "",
}


def manifest(options: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Return the YAML. Raises ConfigurationError for what cannot work."""
    wish = Wish(
        shape=options.shape,
        image=options.image,
        settings=_settings(environ),
        secrets=dict(options.secret),
        name=options.name,
        app=options.app,
        grace_period=options.grace_period,
        app_stop=options.app_stop,
        own_hook=options.own_hook,
        app_hook=options.app_hook,
        sleep=options.sleep,
        cpu=options.cpu,
        memory=options.memory,
        fs_group=options.fs_group,
    )
    check(wish)
    return HEADS[wish.shape] + dump(deployment(wish) if wish.shape == "standalone" else patch(wish))


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the environment has, but for what Kubernetes puts there for Services."""
    return {name: text for name, text in environ.items() if name.startswith(PREFIX) and not is_of_kubernetes(name, text)}
