"""A volume of a Secret as a kubelet keeps it: each key is a link into the folder behind ``..data``, which is exchanged whole by one rename."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path


class SecretVolume:
    """The volume at ``folder``, which is made; ``keys`` are its files and their content."""

    def __init__(self, folder: Path, keys: Mapping[str, str], mode: int = 0o440) -> None:
        self._folder = folder
        self._names = (f"..2026_11_25_{number}" for number in count())
        folder.mkdir()
        self.change(keys, mode)
        for key in keys:
            (folder / key).symlink_to(f"..data/{key}")

    def path(self, key: str) -> Path:
        """Return where a container finds a key."""
        return self._folder / key

    def change(self, keys: Mapping[str, str], mode: int = 0o440) -> None:
        """Have the volume follow its Secret, which has other contents now; what is no longer among ``keys`` is gone."""
        written, fresh = self._folder / next(self._names), self._folder / "..data_tmp"
        written.mkdir()
        for key, text in keys.items():
            (written / key).write_text(text, encoding="utf-8")
            (written / key).chmod(mode)
        fresh.symlink_to(written.name)
        fresh.rename(self._folder / "..data")
