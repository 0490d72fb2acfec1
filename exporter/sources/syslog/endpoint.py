"""The address to listen on for syslog messages, parsed from the configuration. Pure."""

from ipaddress import ip_address
from typing import Literal, NamedTuple

from foundation.grammar import Address, host_port

EXPECTED = (
    "expected udp://HOST:PORT, tcp://HOST:PORT, unix:/PATH (datagrams, as nginx, HAProxy and logger send them) or "
    "unix-stream:/PATH, for example udp://127.0.0.1:5514"
)
_LONGEST_PATH = 107  # bytes, as the kernel has it

Scheme = Literal["udp", "tcp", "unix", "unix-stream"]


class Endpoint(NamedTuple):
    """An address to listen on: an Address for `udp` and `tcp`, a path for the others."""

    scheme: Scheme
    address: Address | None
    path: str = ""

    def __str__(self) -> str:
        """As `endpoint` reads it."""
        return f"{self.scheme}://{self.address}" if self.address else f"{self.scheme}:{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        if self.address is None or self.address.host == "localhost":
            return True
        try:
            return ip_address(self.address.host).is_loopback
        except ValueError:
            return False


def endpoint(text: str) -> Endpoint:
    """An address as it is written. Raises ValueError with a text for the user."""
    scheme, colon, rest = text.partition(":")
    if scheme in ("udp", "tcp") and rest.startswith("//"):
        return Endpoint("udp" if scheme == "udp" else "tcp", host_port(rest[2:]))
    if scheme not in ("unix", "unix-stream") or not colon:
        raise ValueError(f"invalid address {text!r}: {EXPECTED}")
    path = rest.removeprefix("//")
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"invalid address {text!r}: expected an absolute path, for example {scheme}:/run/access.sock")
    if len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
        raise ValueError(f"invalid address {text!r}: expected a path of at most {_LONGEST_PATH} bytes")
    return Endpoint("unix" if scheme == "unix" else "unix-stream", None, path)
