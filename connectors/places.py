"""Where an address lies: on this machine, in this network, or out there."""

from __future__ import annotations

import enum
from ipaddress import IPv4Address, IPv6Address, ip_address


class Place(enum.IntEnum):
    """Where an address lies, the innermost first."""

    MACHINE = 0
    """Loopback and link-local: this machine, and what a cloud puts beside it (169.254.169.254)."""
    NETWORK = 1
    INTERNET = 2


def place(address: str) -> Place:
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_loopback or ip.is_link_local or ip.is_unspecified:
        return Place.MACHINE
    return Place.INTERNET if ip.is_global else Place.NETWORK


def is_loopback(host: str) -> bool:
    """Of a host as it is written; no name but localhost is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
