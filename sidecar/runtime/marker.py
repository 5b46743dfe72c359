"""The drain's marker: a file that tells the next process of this pod that the pod is on its way out.

It is written when the sidecar's own preStop hook asks for the drain, and holds that moment and how long it means something (the pod's grace
period). A container that is started again within that time may be in a pod that terminates (KEP-4438), and must not take partitions again;
after it the pod has outlived its grace period, so it lives: the hook had run because this container alone was restarted.

The file survives the container in a volume of the pod (an emptyDir).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sidecar.core.errors import ConfigurationError

SETTING = "SIDECAR_DRAIN_MARKER"
LONGEST = 1024
"""Bytes; what is longer is no marker."""


@dataclass(frozen=True, slots=True)
class Marker:
    """The file at ``path``; what is written there means something for ``bound`` seconds."""

    path: Path
    bound: float

    def check(self) -> None:
        """Raise ConfigurationError where no marker could be written."""
        if not self.path.is_absolute() or not self.path.parent.is_dir():
            raise ConfigurationError(
                f"{SETTING}: there is no folder {self.path.parent}: mount an emptyDir there, or leave it out"
            )

    def seconds_left(self, wall: float) -> float | None:
        """Return for how long a marker that is there still means something (0: no longer), None where there is none.

        ``wall`` is Unix time in seconds. Raises ConfigurationError for a file that is no marker: it is somebody's, and is left alone.
        """
        try:
            with self.path.open("rb") as file:
                marked = json.loads(file.read(LONGEST))["kafka-sidecar-drain"]
            at, bound = float(marked["at"]), float(marked["bound"])
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"{SETTING}: {self.path} cannot be read ({error.strerror})") from error
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"{SETTING}: {self.path} is not a drain's marker: name a file that nothing else uses"
            ) from error
        return min(max(at + bound - wall, 0.0), bound)  # at most that: the clock may have been set back

    def write(self, wall: float) -> None:
        """Write it, whole or not at all. Raises OSError."""
        written = self.path.with_name(f"{self.path.name}.new")
        written.write_text(json.dumps({"kafka-sidecar-drain": {"at": wall, "bound": self.bound}}), encoding="utf-8")
        written.replace(self.path)

    def clear(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)
