"""The user's own code behind ``python:``: found, imported, and looked at before it is called. Errors name the setting and the mend.

Of what it raises the class and the line are told, never the text: that may quote a payload or a secret. Only why an import was not
found is told in full, since it names modules alone.
"""

from __future__ import annotations

import importlib
import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from typing import Any

from sidecar.core.errors import ConfigurationError

_SETTING = "SIDECAR_WRITER__URL"


@dataclass(frozen=True, slots=True)
class Code:
    """``target`` is the function or class, ``name`` what it is called in the setting, ``file`` the module that it is in."""

    name: str
    target: Callable[..., Any]
    file: str | None

    def why(self, error: BaseException) -> str:
        """Return what was raised, and by which line of the module (of any, where none of it is)."""
        return f"{self.name}: {_named(error, self.file)}"


def load(name: str) -> Code:
    """Return the code ``name`` (``package.module:callable``); raises ConfigurationError."""
    module_name, colon, path = name.partition(":")
    if not colon or not all(map(str.isidentifier, [*module_name.split("."), *path.split(".")])):
        raise ConfigurationError(f"{_SETTING}: it names no function or class; write python:package.module:callable")
    module = _imported(module_name)
    try:
        target = operator.attrgetter(path)(module)
    except AttributeError:
        raise ConfigurationError(
            f"{_SETTING}: the module {module_name} has no {path}; name a function or a class in it"
        ) from None
    if not callable(target):
        raise ConfigurationError(f"{_SETTING}: {name} is {_article(target)}, not a function or a class; name one")
    _check_calls(name, target)
    return Code(name, target, getattr(module, "__file__", None))


def _imported(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"{_SETTING}: {name} cannot be imported ({error}); install it beside kafka-sidecar, or name its folder in PYTHONPATH"
        ) from error
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{_SETTING}: {name} cannot be imported ({_named(error, None)}); mend it there") from error


def _check_calls(name: str, target: Callable[..., Any]) -> None:
    """Raise ConfigurationError when ``target`` cannot be called as it will be."""
    if not inspect.isclass(target):
        _check_takes(f"{name} must take one argument, the batch: def {_last(name)}(batch)", target, None)
        return
    if not callable(write := getattr(target, "write", None)):
        raise ConfigurationError(f"{_SETTING}: the class {name} has no method write; give it def write(self, batch)")
    _check_takes(f"the class {name} must take no arguments: read what it needs from the environment", target)
    _check_takes(f"{name}.write must take one argument, the batch: def write(self, batch)", write, None, None)


def _check_takes(rule: str, target: Callable[..., Any], *arguments: object) -> None:
    try:
        inspect.signature(target).bind(*arguments)
    except TypeError:
        raise ConfigurationError(f"{_SETTING}: {rule}") from None
    except ValueError:
        pass  # some that are written in C do not tell; the first call will


def _named(error: BaseException, file: str | None) -> str:
    if isinstance(error, SyntaxError):
        return f"SyntaxError at {Path(error.filename or '?').name}:{error.lineno}"
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    own = [place for place in places if place[0] == file] or places
    return f"{type(error).__name__} at {Path(own[-1][0]).name}:{own[-1][1]}" if own else type(error).__name__


def _article(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _last(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]
