"""What a writer can be told beside its address: a table that the settings read, check and document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a writer, ``SIDECAR_WRITER__<NAME>``.

    ``kind`` says how people write it and what the writer gets: a ``choice`` one of ``choices``, a ``size`` bytes, a ``duration`` seconds,
    a ``count`` an integer, a ``switch`` a bool, a ``text`` itself, and so do a ``path``, which names a file that the writer reads by itself (in a pod
    the key of a Secret can be that file), and a ``secret``, which is never shown. A text without a default is empty.
    """

    kind: Literal["choice", "size", "duration", "count", "switch", "text", "path", "secret"]
    default: Value
    help: str
    choices: tuple[str, ...] = ()


Options = Mapping[str, Option]
"""The options of one writer, by their name in lower case."""
