"""Paths to the values that records have at them. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from exporter.accesslog.formats.keyed.field_paths import FieldPaths
from exporter.accesslog.formats.keyed.records import Record
from foundation.recent import Recent

ABSENT: tuple[str, Any] = ("", None)
_EMPTY = (None, "", "-")
_SHAPES = 128  # sets of keys in one generation of what is remembered


class Finder:
    """Looks paths up in records.

    Lines of one program have the same keys, so which of the paths a line can have at all is worked out once for each
    set of keys. Nothing is kept for logs in which each line has different keys.
    """

    def __init__(self, paths: FieldPaths) -> None:
        """`paths`: for each field, where a record may have it."""
        self._known = Recent[tuple[str, ...], dict[tuple[str, ...], tuple[str, ...]]](_SHAPES)
        fields = (paths.methods, paths.targets, paths.codes, paths.sizes, paths.durations, paths.instants)
        self._fields = {*fields, paths.requests, *paths.needs}
        self._by_key: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for field in self._fields:
            for place, path in enumerate(field):
                for key in {path, path.partition(".")[0]}:
                    self._by_key.setdefault(key, []).append((field, place))

    def first(
        self, record: Record, paths: tuple[str, ...], fits: Callable[[Any], bool] | None = None
    ) -> tuple[str, Any]:
        """The first of the paths that the record has something at that fits, and its value.

        Where nothing fits, the first that it has anything at; `ABSENT` if there is none.
        """
        found = ABSENT
        for path in self._possible(record)[paths]:
            value = value_at(record, path)
            if value in _EMPTY:
                continue
            if fits is None or fits(value):
                return path, value
            found = found if found[0] else (path, value)
        return found

    def has(self, record: Record, paths: tuple[str, ...]) -> bool:
        """Whether one of the paths exists, with or without a value."""
        return any(value_at(record, path, ABSENT) is not ABSENT for path in self._possible(record)[paths])

    def _possible(self, record: Record) -> dict[tuple[str, ...], tuple[str, ...]]:
        keys = tuple(record)
        found = self._known.get(keys)
        if found is None:
            places: dict[tuple[str, ...], set[int]] = {field: set() for field in self._fields}
            for key in keys:
                for field, place in self._by_key.get(key, ()):
                    places[field].add(place)
            found = {field: tuple(field[place] for place in sorted(some)) for field, some in places.items()}
            self._known[keys] = found
        return found


def value_at(record: Record, path: str, absent: Any = None) -> Any:
    """What the record has at a path, with dots between the steps; `absent` if it has no such path."""
    value = record.get(path, absent)
    if value is not absent or "." not in path:
        return value
    value = record
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return absent
        value = value.get(step, absent)
    return value
