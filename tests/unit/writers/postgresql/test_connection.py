"""How a database is called, for people: nothing of a password is in it, however the URL is written."""

from __future__ import annotations

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.writers.postgresql.connection import Address


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://me:hunter2@host:5432/orders", "postgresql://host:5432/orders"),
        ("postgresql://me:hunter2@host/orders", "postgresql://host/orders"),
        ("postgresql://me:hunter2@a:1,b:2/orders", "postgresql://a:1,b:2/orders"),
        ("postgresql://me:hunter2@a,b:2/orders", "postgresql://a,b:2/orders"),
        ("postgresql://me:hunter2@a,b/orders?port=5433", "postgresql://a:5433,b:5433/orders"),
        ("postgresql://[::1]:5432/orders", "postgresql://[::1]:5432/orders"),
        ("postgresql:///orders?host=/run/db&user=me&password=hunter2", "postgresql:///run/db/orders"),
        ("postgresql:///orders?host=@socket", "postgresql://@socket/orders"),
        ("postgresql:///orders", "postgresql://local socket/orders"),
        ("postgresql://me:hunter2%23%3F%2F%40@host/orders?user=you@x", "postgresql://host/orders"),
        ("postgresql://host/a%40b", "postgresql://host/a@b"),
    ],
)
def test_a_database_is_called_by_its_hosts_and_its_name(url: str, name: str) -> None:
    assert Address(url).name == name


@pytest.mark.parametrize("password", ["hunter2/x", "5432/hunter2", "x@hunter2", "hunter2#x", "hunter2?x"])
def test_a_password_of_which_a_part_would_be_taken_for_something_else_is_refused(password: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^SIDECAR_WRITER__URL: not an address .* as %XX$") as refused:
        Address(f"postgresql://me:{password}@host/orders")
    assert "hunter2" not in str(refused.value)
