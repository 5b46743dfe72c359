"""Addresses at which clouds give out credentials: no record goes there, whatever a name resolves to, unless it is allowed. Pure.

These are the link-local networks (RFC 3927, RFC 4291), and what clouds have beside them, by their own documentation: AWS ``fd00:ec2::254``,
Google Cloud ``fd20:ce::254`` and two names, Alibaba Cloud ``100.100.100.200``.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

_ADDRESSES = frozenset(map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200")))
_NAMES = frozenset({"metadata.google.internal", "metadata.goog"})


def is_link_local(address: str) -> bool:
    """Tell whether ``address``, one that a name was resolved to, is link-local or one of those that clouds use like it."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or IPv6Address(int(ip))  # without the zone, which makes it another address
    return ip.is_link_local or ip in _ADDRESSES


def is_metadata_name(host: str) -> bool:
    """Tell whether ``host`` is a cloud's own name for such an address."""
    return host.lower().rstrip(".") in _NAMES
