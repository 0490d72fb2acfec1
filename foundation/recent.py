"""A cache that drops keys not used recently: a flood of new keys does not remove the others."""

from collections.abc import Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, of two generations of at most `most` keys each. Not for two threads at once.

    A full generation becomes the old one, and the one before it is dropped. A key that is used goes over to the young
    one: it stays for as long as fewer than `most` other new keys come between two of its uses. That is less work per
    use than keeping the order of all uses, and never clears the cache at once.
    """

    __slots__ = ("_most", "_old", "_young")

    def __init__(self, most: int) -> None:
        """`most`: keys in one generation; twice as many are kept."""
        self._most = most
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def resize(self, most: int) -> None:
        """Set the number of keys per generation; the next calls drop unused ones beyond it."""
        self._most = most
        if len(self._young) > most:
            self._old, self._young = self._young, {}
        elif len(self._old) > most:
            self._old = {}

    def get(self, key: K) -> V | None:
        """The key's value, None where it is not known any more."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self[key] = found
        return found

    def get_all(self, keys: Sequence[K]) -> list[V | None]:
        """The values of many keys; of the same key twice only the first may be found."""
        found = list(map(self._young.get, keys))
        if self._old and None in found:
            for place, key in enumerate(keys):
                if found[place] is None and key in self._old:
                    found[place] = self.get(key)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        """Store a value, which is not None."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        """Entries kept, a key of both generations twice."""
        return len(self._young) + len(self._old)
