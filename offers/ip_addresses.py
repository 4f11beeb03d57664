"""Which IP addresses are the internet's."""

import ipaddress

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Stands for addresses of IPv4 (RFC 6052)."""


def is_global(address: str) -> bool:
    """Whether it is an address of one computer in the internet; raises ValueError."""
    ip = ipaddress.ip_address(address)
    return ip.is_global and not ip.is_multicast and ip not in NAT64
