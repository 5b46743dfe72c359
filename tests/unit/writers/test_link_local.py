from __future__ import annotations

import pytest

from sidecar.writers.link_local import is_link_local, is_metadata_name


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "fd00:ec2::254",
        "fd00:ec2::254%1",
        "fd20:ce::254",
        "100.100.100.200",
    ],
)
def test_where_clouds_give_out_credentials_is_known(address: str) -> None:
    assert is_link_local(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "169.253.0.1", "fec0::1", "fd00::1", "::ffff:10.0.0.1", "8.8.8.8"]
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_link_local(address)


def test_so_are_the_names() -> None:
    assert is_metadata_name("Metadata.Google.Internal.")
    assert not is_metadata_name("metadata")
