from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.results import Delivered, Result, Systemic
from sidecar.writers import registry
from sidecar.writers.protocol import Writer
from tests.contract import certificates
from tests.contract.batches import numbers
from tests.contract.listener import TAKEN, Conversation, Listener
from tests.parts.waiting import free_port


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make certificates for a server, a client that it knows and one that it does not know."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("server", "known", "stranger"):
        certificates.make(folder, name)
    return folder


def knowing(made: Path, port: int, trusted: str = "known") -> Listener:
    """Return a server that takes batches, one a connection, from clients with the certificate ``trusted`` alone."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say(TAKEN)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made / "server.pem")
    context.load_verify_locations(made / f"{trusted}.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    return Listener(port, script, context)


def writer_to(port: int, files: Mapping[str, Path]) -> Writer:
    return registry.kind(f"https://localhost:{port}/", {name: str(path) for name, path in files.items()}).create()


def write(writer: Writer) -> Result:
    return writer.write(numbers(0, 3), 1, time.monotonic() + 20)


def test_a_client_shows_its_certificate_and_trusts_the_authority_that_it_is_told(made: Path) -> None:
    port = free_port()
    apart = {"tls_ca": made / "server.crt", "tls_cert": made / "known.crt", "tls_key": made / "known.key"}
    together = {"tls_ca": made / "server.crt", "tls_cert": made / "known.pem"}
    with knowing(made, port):
        for files in (apart, together):
            writer = writer_to(port, files)
            assert write(writer) == Delivered()
            writer.close()


@pytest.mark.parametrize("files", [{}, {"tls_cert": "stranger.pem"}])
def test_a_certificate_that_the_server_does_not_want_is_systemic(made: Path, files: Mapping[str, str]) -> None:
    port = free_port()
    with knowing(made, port):
        writer = writer_to(port, {"tls_ca": made / "server.crt", **{name: made / file for name, file in files.items()}})
        result = write(writer)
        writer.close()

    assert isinstance(result, Systemic)
    assert result.reason.startswith("the server refuses our certificate (TLSV1")


def test_the_next_connection_is_made_with_files_that_were_replaced(made: Path, tmp_path: Path) -> None:
    mine = tmp_path / "client.pem"
    mine.write_bytes((made / "stranger.pem").read_bytes())
    port = free_port()
    with knowing(made, port):
        writer = writer_to(port, {"tls_ca": made / "server.crt", "tls_cert": mine})
        assert isinstance(write(writer), Systemic)

        (tmp_path / "next").write_bytes((made / "known.pem").read_bytes())
        (tmp_path / "next").replace(mine)
        assert write(writer) == Delivered()
        writer.close()


def test_files_that_cannot_be_used_any_more_leave_those_that_could(made: Path, tmp_path: Path) -> None:
    mine = tmp_path / "client.pem"
    mine.write_bytes((made / "known.pem").read_bytes())
    port = free_port()
    with knowing(made, port) as server:
        writer = writer_to(port, {"tls_ca": made / "server.crt", "tls_cert": mine})
        assert write(writer) == Delivered()
        for rest in (b"half of a fi", None):
            server.wait_until_idle()
            mine.unlink() if rest is None else mine.write_bytes(rest)
            assert write(writer) == Delivered()
        writer.close()


def encrypted(made: Path, tmp_path: Path) -> Path:
    path = tmp_path / "encrypted.key"
    command = f"openssl rsa -aes128 -passout pass:hunter2 -in {made / 'known.key'} -out {path}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return path


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("tls_ca", None, "SIDECAR_WRITER__TLS_CA: the file cannot be read (No such file or directory)"),
        ("tls_ca", b"hunter2", "SIDECAR_WRITER__TLS_CA: what is in the file cannot be used (no certificate or crl found)"),
        ("tls_cert", None, "SIDECAR_WRITER__TLS_CERT: the file cannot be read (No such file or directory)"),
        ("tls_cert", b"hunter2", "SIDECAR_WRITER__TLS_CERT: what is in the file cannot be used ("),
        ("tls_key", None, "SIDECAR_WRITER__TLS_KEY: the file cannot be read (No such file or directory)"),
    ],
)
def test_files_that_never_could_be_used_are_told_by_their_setting_and_nothing_is_sent(
    made: Path, tmp_path: Path, name: str, content: bytes | None, why: str
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    writer = writer_to(free_port(), {"tls_cert": made / "known.crt", "tls_key": made / "known.key", name: path})

    with pytest.raises(WriterUnavailable) as told:
        writer.connect(time.monotonic() + 20)

    assert str(told.value).startswith(why)
    assert "hunter2" not in str(told.value)
    assert write(writer) == Systemic(str(told.value))


def test_a_key_that_does_not_fit_or_is_encrypted_is_told_and_nobody_is_asked_for_a_password(made: Path, tmp_path: Path) -> None:
    for key in (made / "stranger.key", encrypted(made, tmp_path)):
        result = write(writer_to(free_port(), {"tls_cert": made / "known.crt", "tls_key": key}))
        assert isinstance(result, Systemic)
        assert result.reason.startswith("SIDECAR_WRITER__TLS_CERT: what is in the file cannot be used (")
