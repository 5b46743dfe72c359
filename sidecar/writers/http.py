"""``http://``, ``https://`` and ``http+unix://``: batches are POST requests to the application.

What is sent and what the answers mean is the HTTP contract (docs/HTTP.md). Here is what can be set for it, and what that makes: a body
(:mod:`sidecar.writers.http_batches`, or :mod:`sidecar.writers.http_records` for ``raw``), credentials, encryption. The address is
that of ``SIDECAR_WRITER__URL`` alone: nothing of a record is ever a part of it, no redirect is followed, and no proxy is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from sidecar.core.errors import ConfigurationError
from sidecar.writers import http_bodies, http_target
from sidecar.writers.http_batches import BatchWriter
from sidecar.writers.http_connection import Connection, Tls
from sidecar.writers.http_credentials import Credentials, Fixed, TokenFile
from sidecar.writers.http_oauth import Client, ClientCredentials
from sidecar.writers.http_records import RecordWriter
from sidecar.writers.http_requests import COMPRESSIONS, Requests
from sidecar.writers.http_target import Target
from sidecar.writers.http_tls import TlsFiles
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Surroundings, Writer, WriterKind

OPTIONS: Options = {
    "body": Option(
        "choice",
        "ndjson",
        "what a request holds: `ndjson`, a JSON object a line with the record and its place; `values`, the payloads alone, one a line; "
        "`json`, an array of the same objects; `raw`, one record, its payload as it is; `cloudevents`, a batch of CloudEvents 1.0",
        choices=("ndjson", "values", "json", "raw", "cloudevents"),
    ),
    "compression": Option("choice", "none", "how bodies are compressed: `none` or `gzip`", choices=tuple(COMPRESSIONS)),
    "event_source": Option("text", "/kafka", "with `cloudevents`: the `source` of the events, which names the cluster"),
    "event_type": Option("text", "kafka.record", "with `cloudevents`: the `type` of the events; `{topic}` stands for the topic"),
    "tls_ca": Option(
        "path", "", "the authorities to trust with `https`, in place of the system's: a PEM file, read again when it changes"
    ),
    "tls_cert": Option("path", "", "the certificate to show with `https`: a PEM file, read again when it changes"),
    "tls_key": Option("path", "", "the key of that certificate, where it is not in the same file; it must not be encrypted"),
    "token_file": Option("path", "", "a file with a token to send as `Authorization: Bearer`, read again when it changes"),
    "oauth_token_url": Option("text", "", "where to get a token by OAuth 2.0's client credentials"),
    "oauth_client_id": Option("text", "", "the client's name there"),
    "oauth_client_secret": Option("secret", "", "the client's secret there"),
    "oauth_scope": Option("text", "", "the scopes to ask for there, with spaces between them"),
    "allow_link_local": Option("switch", default=False, help="allow link-local addresses, at which clouds give out credentials"),
}

_OAUTH = ("oauth_token_url", "oauth_client_id", "oauth_client_secret")
_URI_REFERENCE = re.compile(r"[!#-;=?-\[\]_a-~]+")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def kind(url: str, options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    """Return the writer for ``url``; raises ConfigurationError."""
    texts = {name: str(value) for name, value in options.items()}
    target = replace(http_target.parse(url), link_local=bool(options["allow_link_local"]))
    tls, credentials, create = _tls(target, texts), _credentials(target, texts), _writer(texts)
    headers = {"User-Agent": f"kafka-sidecar/{version('kafka-sidecar')}"}

    def writer() -> Writer:
        return create(Requests(Connection(target, tls), credentials, headers, texts["compression"]))

    whole = texts["body"] != "values"
    return WriterKind(target.name, writer, max_in_flight=None, needs_headers=whole, needs_timestamps=whole)


def _writer(options: Mapping[str, str]) -> Callable[[Requests], Writer]:
    """Return what makes the writer of the body that was chosen."""
    source, kind_of_event = options["event_source"], options["event_type"]
    if not _URI_REFERENCE.fullmatch(source):
        raise _refused(
            "event_source", "must be a URI reference, like /kafka or https://kafka.example: percent-encode what is not"
        )
    if not kind_of_event or not kind_of_event.isprintable():
        raise _refused("event_type", "must be a text of printable characters, like com.example.order")
    for name in ("event_source", "event_type"):
        if options["body"] != "cloudevents" and options[name] != OPTIONS[name].default:
            raise _refused(name, "belongs to SIDECAR_WRITER__BODY=cloudevents: choose that, or leave this out")
    if options["body"] == "raw":
        return RecordWriter
    body = http_bodies.of_batches(source, kind_of_event)[options["body"]]
    return lambda requests: BatchWriter(requests, body)


def _tls(target: Target, options: Mapping[str, str]) -> Tls | None:
    given = {name: _path(name, options[name]) for name in ("tls_ca", "tls_cert", "tls_key") if options[name]}
    if given and not target.tls:
        raise _refused(next(iter(given)), "belongs to https://: write that in SIDECAR_WRITER__URL, or leave this out")
    if "tls_key" in given and "tls_cert" not in given:
        raise _refused("tls_key", "is the key of a certificate: name that by SIDECAR_WRITER__TLS_CERT")
    return TlsFiles(given.get("tls_ca"), given.get("tls_cert"), given.get("tls_key")).context if target.tls else None


def _credentials(target: Target, options: Mapping[str, str]) -> Credentials:
    """Return the one source of credentials that there is; two would contradict each other."""
    oauth = [name for name in (*_OAUTH, "oauth_scope") if options[name]]
    sources = {"token_file": bool(options["token_file"]), "oauth_token_url": bool(oauth)}
    named = [name for name, given in sources.items() if given]
    if len(named) > 1 or (named and target.authorization is not None):
        raise _refused(
            named[-1], "is a second source of credentials, beside the URL's user or SIDECAR_WRITER__TOKEN_FILE: keep one"
        )
    if options["token_file"]:
        return TokenFile(_path("token_file", options["token_file"]))
    return _oauth(target, options) if oauth else Fixed(target.authorization)


def _oauth(target: Target, options: Mapping[str, str]) -> Credentials:
    for name in _OAUTH:
        if not options[name]:
            raise _refused(
                name, f"is required for OAuth 2.0, beside {_setting(next(n for n in (*_OAUTH, 'oauth_scope') if options[n]))}"
            )
    provider = _provider(options["oauth_token_url"], target)
    trust = TlsFiles().context if provider.tls else None
    return ClientCredentials(
        provider, trust, Client(options["oauth_client_id"], options["oauth_client_secret"], options["oauth_scope"])
    )


def _provider(url: str, target: Target) -> Target:
    setting = _setting("oauth_token_url")
    if not url.startswith(("https://", "http://")):
        raise ConfigurationError(f"{setting}: must begin with https://")
    provider = http_target.parse(url, setting)
    if not provider.tls and provider.host not in _LOOPBACK:
        raise ConfigurationError(
            f"{setting}: must begin with https://, for the client's secret is sent there (http:// is for loopback)"
        )
    if provider.authorization is not None:
        raise ConfigurationError(
            f"{setting}: it holds a user; write that to SIDECAR_WRITER__OAUTH_CLIENT_ID, its password to __OAUTH_CLIENT_SECRET"
        )
    return replace(provider, link_local=target.link_local)


def _path(name: str, text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise _refused(name, "must be the absolute path of a file")
    return path


def _refused(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"{_setting(name)}: {why}")


def _setting(name: str) -> str:
    return f"SIDECAR_WRITER__{name.upper()}"
