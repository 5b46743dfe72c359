"""Which ``SIDECAR_*`` names there are, what is said for each and where, and what is wrong with the others.

A value comes from the variable itself, from the file that ``<NAME>_FILE`` names, or from a file of that name in the folder
``SIDECAR_SECRETS_DIR``. (An option of a writer that is itself a path, and ends in ``_FILE``, is that path: the writer reads the file.) Said twice is refused: which one counts would be a guess. What Kubernetes puts into the environment
for a Service whose name begins with ``sidecar`` is left alone.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sidecar.settings.model import PREFIX, Settings
from sidecar.writers import registry

SECRETS_DIR = "SIDECAR_SECRETS_DIR"
FREE = ("SIDECAR_KAFKA__", "SIDECAR_WRITER__")
"""Sections whose further names are not known here: the client's properties, and the writers' options."""

TOKEN = "SIDECAR_HTTP__TOKEN"  # noqa: S105 -- the name of the setting

OPEN_TO_ALL = "can be read by every user: take that right away (chmod o-r; for a volume of a Secret: defaultMode 0440 and the pod's fsGroup)"

NEAR = 0.8
"""How alike two names must be for one to be taken for a slip of the other: difflib's ratio."""

_SERVICE = re.compile(r"SIDECAR(_\w+)?_SERVICE_(HOST|PORT(_\w+)?)|SIDECAR(_\w+)?_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_SERVICE_PORT = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot work: the setting, and what is wrong with it and the mend."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


@dataclass(frozen=True, slots=True)
class Given:
    """What was said for one setting, and where: ``source`` is for people, ``file`` is the file that it was read from, if it was one."""

    text: str
    source: str
    file: Path | None = None


def fields(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the name and the definition of every setting."""
    for name, field in model.model_fields.items():
        path = prefix + name.upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, path + "__")
        else:
            yield path, field


@cache
def known() -> frozenset[str]:
    """Return the names of all settings, without those of the free sections that are not named in the model."""
    return frozenset(name for name, _ in fields())


def is_secret_option(name: str) -> bool:
    """Whether an option of any writer has this name and is a secret. Raises ConfigurationError for a writer that cannot be loaded."""
    return name in _options_of_kind("secret", registry.schemes())


def _options_of_kind(kind: str, writers: Mapping[str, registry.Scheme]) -> frozenset[str]:
    options = (item for scheme in writers.values() for item in scheme.options.items())
    return frozenset(f"SIDECAR_WRITER__{name.upper()}" for name, option in options if option.kind == kind)


def read(environ: Mapping[str, str]) -> tuple[dict[str, Given], list[Problem]]:
    """Return what is said for each setting, by name, and what is wrong with the other names."""
    given: dict[str, Given] = {}
    problems: list[Problem] = []
    for name, said in _said(environ, problems):
        if name in given:
            problems.append(Problem(name, f"is set twice, by {given[name].source} and by {said.source}: leave one of them out"))
        elif _is_name(name):
            given[name] = said
        else:
            problems.append(Problem(name, _what_is_wrong(name)))
    return given, problems


def _said(environ: Mapping[str, str], problems: list[Problem]) -> Iterator[tuple[str, Given]]:
    """Yield everything that is said, by name, in an order that does not depend on the environment's."""
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name == SECRETS_DIR or is_of_kubernetes(name, text):
            continue
        setting = name.removesuffix("_FILE")
        if setting == name or name in known() or name in _options_of_kind("path", registry.BUILT_IN):
            yield name, Given(text, "environment")
        elif (content := _content(name, Path(text), problems)) is not None:
            yield setting, _in_file(setting, Path(text), content, problems)
    if SECRETS_DIR in environ:
        yield from _secrets(Path(environ[SECRETS_DIR]), problems)


def _secrets(folder: Path, problems: list[Problem]) -> Iterator[tuple[str, Given]]:
    if not folder.is_absolute() or not folder.is_dir():
        problems.append(Problem(SECRETS_DIR, f"'{folder}' is not the absolute path of a folder: mount it there, or leave it out"))
        return
    for path in sorted(folder.glob(f"{PREFIX}*")):
        if (content := _content(SECRETS_DIR, path, problems)) is not None:
            yield path.name, _in_file(path.name, path, content, problems)


def _content(name: str, path: Path, problems: list[Problem]) -> str | None:
    """Return the text of a file without the newline at its end; None, and a problem, when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        problems.append(Problem(name, f"{path} cannot be read ({error.strerror}): mount the file, or mend its rights"))
    except UnicodeDecodeError:
        problems.append(Problem(name, f"{path} is not UTF-8 text"))
    return None


def _in_file(setting: str, path: Path, content: str, problems: list[Problem]) -> Given:
    """Return what a file says; a problem when it is a token and everyone may read it."""
    if setting == TOKEN and is_open_to_all(path):
        problems.append(Problem(setting, f"{path} {OPEN_TO_ALL}"))
    return Given(content, f"file {path}", path)


def is_open_to_all(path: Path) -> bool:
    """Whether every user can read the file: whoever has the token can stop the process's work. Raises OSError."""
    return bool(path.stat().st_mode & stat.S_IROTH)


def _is_name(name: str) -> bool:
    """Whether this may be a setting; the names of a free section are looked at by who knows them."""
    return name in known() or (name.startswith(FREE) and len(name) > max(map(len, FREE)) and name == name.upper())


def _what_is_wrong(name: str) -> str:
    bare = [setting.removeprefix(PREFIX) for setting in sorted(known())]  # what all have in common would make all alike
    nearest = get_close_matches(name.removeprefix(PREFIX).upper(), bare, n=1, cutoff=NEAR)
    return (
        f"is no setting; was {PREFIX}{nearest[0]} meant?"
        if nearest
        else "is no setting: see `kafka-sidecar config` and docs/SETTINGS.md"
    )


def is_of_kubernetes(name: str, text: str) -> bool:
    """Whether this is one of the variables that describe a Service to every container of its namespace."""
    if name in known():
        return False
    return bool(_SERVICE.fullmatch(name)) or (name.endswith("_PORT") and bool(_SERVICE_PORT.match(text)))
