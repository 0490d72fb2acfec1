"""Further values in the key of a request, beside method, target and code: labels and filters of a line's fields.

Both engines read the texts of the fields (`Format.more`), and make the values here, once for each text and not for each
line. A tally's keys have them behind the code, in the order of the columns. So the two engines cannot differ in values.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import starmap
from typing import NamedTuple

from exporter.accesslog.formats import NAMED, Format, locate, with_more
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import Key, Tally, added
from foundation.recent import Recent

_KEPT = 1 << 13
"""Texts of a field whose values are remembered, in one generation."""
_KEPT_BYTES = 512  # a longer text is not remembered


class Column(NamedTuple):
    """One value of a line.

    field: whose text it is made of, by its name; see `formats.locate`.
    values: those of some texts, one for one. Pure. A text is the field as the line has it, in UTF-8 where what is
        invalid was replaced; empty where the line has none.
    sql: an expression of DuckDB for the value of an expression, of valid UTF-8 without NUL, equal to what `values`
        gives; None where there is none. Then DuckDB returns texts, and keeps the values of texts that it has seen.
    """

    field: str
    values: Callable[[Sequence[str]], Sequence[str]]
    sql: Callable[[str], str] | None = None


class Columns:
    """The columns of one format's lines. Not thread-safe.

    Attributes:
        columns: as given.
        format: the format, which reads their fields.
        more: those beside method, target and code, as asked for; the format's own `more` has its words for them.
        places: for each column, where in a key its text is.
        of_targets: the columns whose text is the target.
    """

    def __init__(self, format_: Format, columns: Sequence[Column]) -> None:
        """Raises ValueError for a field that the format does not have."""
        self.columns = tuple(columns)
        self.groups = tuple(locate(format_, column.field) for column in columns)
        self.more = more = tuple(dict.fromkeys(group for group in self.groups if group not in NAMED.values()))
        every = (*NAMED.values(), *more)
        self.format = with_more(format_, more)
        self.places = tuple(map(every.index, self.groups))
        self.of_targets = tuple(at for at, group in enumerate(self.groups) if group == NAMED["path"])
        self._fixed = len(NAMED)
        self._known = [Recent[bytes, bytes](_KEPT) for _ in columns]

    def groups_in(self, format_: Format) -> tuple[str, ...]:
        """The groups of a format's pattern that have the texts, one for each column; `format_`: one with the fields."""
        own = dict(zip(self.more, format_.more, strict=True))
        return tuple(own.get(group, group) for group in self.groups)

    def tally(self, found: Tally) -> Tally:
        """The tally with values in its keys instead of texts."""
        keys = list(found.hits)
        hits: dict[Key, list[int]] = {}
        for key, numbers in zip(self.keys(keys), found.hits.values(), strict=True):
            so_far = hits.get(key)
            hits[key] = numbers if so_far is None else added(so_far, numbers)
        found.hits = hits
        return found

    def keys(self, keys: Sequence[Key]) -> Iterable[Key]:
        """Keys with values instead of texts, one for one."""
        fixed = self._fixed
        values = [self.values(at, [key[place] for key in keys]) for at, place in enumerate(self.places)]
        return starmap(lambda key, *more: (*key[:fixed], *more), zip(keys, *values, strict=True))

    def values(self, column: int, texts: Sequence[bytes]) -> list[bytes]:
        """The values of one column."""
        known = self._known[column]
        found = known.get_all(texts)
        if None in found:
            new = {text for text, value in zip(texts, found, strict=True) if value is None}
            asked = [text.decode("utf-8", "replace") for text in new]
            made = [value.encode("utf-8", "replace") for value in self.columns[column].values(asked)]
            by_text = dict(zip(new, made, strict=True))
            for text, value in by_text.items():
                if len(text) <= _KEPT_BYTES:
                    known[text] = value
            found = [by_text[text] if value is None else value for text, value in zip(texts, found, strict=True)]
        return [value for value in found if value is not None]


class Apart(Router):
    """Routes that include the values of a target's columns, for engines that count one target in place of many."""

    def __init__(self, router: Router, columns: Columns) -> None:
        """`router`: whose routes these are."""
        super().__init__(router.templates, only_declared=router.only_declared)
        self._columns = columns

    def routes(self, targets: Sequence[bytes]) -> list[str]:
        """The routes with the values behind them."""
        values = [self._columns.values(at, targets) for at in self._columns.of_targets]
        found = zip(super().routes(targets), *values, strict=True)
        return ["\0".join((route, *(value.decode() for value in more))) for route, *more in found]
