"""What a host name says about where it is."""

from __future__ import annotations

import ipaddress


def loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
