"""The application's health check: one GET request on a connection of its own, answered by 2xx or 3xx as a kubelet's own probe is."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from urllib.parse import urlsplit

from sidecar.core.errors import ConfigurationError, WriterUnavailable
from sidecar.writers import http_target
from sidecar.writers.http_connection import Connection, Tls
from sidecar.writers.http_tls import TlsFiles

SETTING = "SIDECAR_APP__HEALTH_URL"
SCHEMES = ("http", "https", "http+unix")

Check = Callable[[float], str | None]
"""Takes the seconds that it may last; returns what is wrong with the application, for people, or None when it is healthy."""


def health_check(url: str) -> Check:
    """Return the check at ``url``; raises ConfigurationError, without quoting it: it may hold a secret."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise ConfigurationError(f"{SETTING}: the brackets of its host are wrong; write http://[::1]:8080/healthz") from None
    if scheme not in SCHEMES:
        raise ConfigurationError(f"{SETTING}: it must begin with {', '.join(f'{known}://' for known in SCHEMES)}")
    target = http_target.parse(url, SETTING)
    target = replace(target, link_local=True)  # no record goes there, and of the answer only the status is read
    return partial(_check, target, TlsFiles().context if target.tls else None)


def _check(target: http_target.Target, tls: Tls | None, timeout: float) -> str | None:
    headers = {"User-Agent": f"kafka-sidecar/{version('kafka-sidecar')}", "Connection": "close"}
    if target.authorization is not None:
        headers["Authorization"] = target.authorization
    connection = Connection(target, tls)
    try:
        answer = connection.get(headers, time.monotonic() + timeout)
    except (WriterUnavailable, TimeoutError) as error:
        return str(error) if target.name in str(error) else f"{target.name}: {error}"
    except OSError as error:
        return f"{target.name}: the connection was lost ({type(error).__name__})"
    except http.client.HTTPException as error:
        return f"{target.name}: the answer is cut short or not HTTP ({type(error).__name__})"
    finally:
        connection.close()
    return None if 200 <= answer.status < 400 else f"{target.name} answers {answer.status}"  # noqa: PLR2004 -- see above
