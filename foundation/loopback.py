"""Names of loopback. Pure: no name is looked up."""

from ipaddress import ip_address

LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})


def is_loopback(host: str) -> bool:
    """Whether a name or address is of loopback, so that nobody on a network can read along."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.removesuffix(".").lower() in LOOPBACK_NAMES
