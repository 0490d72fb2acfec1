"""How long a client may take, and how many may be connected."""

import resource

import msgspec

from foundation.descriptors import OWN_FILES

MAX_CONNECTIONS = 10_000  # some 100 MB; a machine whose limit of descriptors is higher still has other bounds
_MIN_CONNECTIONS = 16


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long the client of one server may take. Exceeding a limit closes the connection."""

    handshake_s: float = 10.0
    """For the TLS handshake."""
    header_s: float = 10.0
    """For a request's whole header: the first from the start of the connection, a later one from its first byte."""
    auth_s: float = 10.0
    """To authenticate, from the start of the connection, where this is not part of a request."""
    body_s: float = 30.0
    """For a request's body, and one second more for each `body_bytes_per_s` that came."""
    body_bytes_per_s: int = 64 << 10
    write_s: float = 10.0
    """How long an answer may wait for a client that reads nothing of it."""
    answer_s: float = 300.0
    """How long an answer may wait for a client that reads it slowly."""
    idle_s: float = 75.0
    """How long a connection may rest between two requests; as nginx has it."""


def highest_file() -> int:
    """The number of the first descriptor that no connection may have, whatever else is open."""
    return _max_files() - min(OWN_FILES // 2, _max_files() // 8)


def _max_files() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (1 << 30) if files == resource.RLIM_INFINITY else files


def max_connections(reserved_files: int, files: int | None = None) -> int:
    """How many connections a process may have so that it can always open its own files.

    Args:
        reserved_files: Descriptors that it may need beside those that every program needs.
        files: Descriptors it may have at all; RLIMIT_NOFILE where it is None.
    """
    files = files or _max_files()
    reserved = min(OWN_FILES + reserved_files, files * 3 // 4)
    return max(_MIN_CONNECTIONS, min(MAX_CONNECTIONS, files - reserved))
