"""Passwords of users against their bcrypt hashes, at a cost that an attacker cannot raise.

One check at a time runs in a thread of its own, which gives way to all others. The number of waiting checks is limited.
A right password is cached, so that a known user is still answered at once; a wrong one is not, so that wrong ones
displace nothing. Every check costs the same, whether there is such a user or not.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

MAX_WAITING = 16
MAX_WAITING_OF_ONE = 12  # of one address, so that there is room for another
_SALT = "." * 22  # of decoys, whose result nobody sees
_MAX_PASSWORD_BYTES = 72  # bcrypt reads no further
_NICENESS = 10


class TooBusyError(Exception):
    """Too many passwords wait to be checked."""


def read_basic(header: str) -> tuple[str, str] | None:
    """User and password of an Authorization header; None where it holds none."""
    scheme, _, packed = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(packed.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


class Passwords:
    """Checks passwords. One for the whole process, so that all servers of it share the one thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "passwords", _give_way)
        self._waiting: Counter[str] = Counter()
        self._secret = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        """Of each user, what the last right pair of hash and password comes to under our secret."""

    def knows(self, users: Mapping[str, str], user: str, password: str) -> bool:
        """Whether this password was found right before, for the hash that the user has now."""
        known = self._right.get(user)
        return (
            known is not None and user in users and hmac.compare_digest(known, self._mark(users[user], user, password))
        )

    async def check(self, users: Mapping[str, str], user: str, password: str, sender: str) -> bool:
        """Whether this is a user's password. Raises TooBusyError.

        Args:
            users: Their bcrypt hashes by name.
            user: Who it claims to be.
            password: The password as it came.
            sender: The address that it came from.
        """
        if self._waiting.total() >= MAX_WAITING or self._waiting[sender] >= MAX_WAITING_OF_ONE:
            raise TooBusyError
        self._waiting[sender] += 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(
                self._thread, matches, password.encode(), users.get(user), max(map(_cost, users.values()))
            )
        finally:
            self._waiting[sender] -= 1
            if not self._waiting[sender]:
                del self._waiting[sender]
        if right:
            self._right[user] = self._mark(users[user], user, password)
        return right

    def close(self) -> None:
        """End the thread; what waits is not checked."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _mark(self, hashed: str, user: str, password: str) -> bytes:
        return hmac.digest(self._secret, f"{hashed}\0{user}\0{password}".encode(), hashlib.sha256)


def matches(password: bytes, hashed: str | None, cost: int) -> bool:
    """Whether `hashed` is of `password`, after the work of one check of `cost`: for any hash of at most that, and None.

    A hash of cost c takes 2**c steps; those of c, c + 1, ... cost - 1 beside it make up 2**cost.
    """
    import bcrypt  # noqa: PLC0415, for servers that have users

    if len(password) > _MAX_PASSWORD_BYTES or b"\0" in password:  # bcrypt takes neither, for any user
        return False
    right = hashed is not None and bcrypt.checkpw(password, hashed.encode())
    for more in range(_cost(hashed), cost) if hashed is not None else [cost]:
        bcrypt.hashpw(password, f"$2b${more:02}${_SALT}".encode())
    return right


def _cost(hashed: str) -> int:
    return int(hashed[4:6])


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
