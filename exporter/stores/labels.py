"""Labels of stores, such as a region: files with a column `store_id` and one for each label, to the database and back.

A file is taken whole or not at all: a store whose row cannot be read would silently be in no group.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
import numpy.typing as npt

from exporter.stores.state import one
from exporter.tables import Column, Layout, Row, open_table
from exporter.tables.rows import normal
from foundation.errors import SourceError
from foundation.terminal import printable

MAX_LABEL_CHARS = 40
_MAX_GROUPS = 10_000
_STORE = Column("store_id", ("store", "storeid", "id"))
_OWN = re.compile(
    r"(store(_id|id)?|id|timezone|from|to|stores|stores_judged|note|coverage_percent|availability_percent"
    r"|(business|uptime|downtime|unknown|assumed)_(hours|percent))"
)
"""Names of columns that a report has without labels."""

Labels: TypeAlias = Mapping[str, Mapping[str, str]]
"""By name of label, each store's."""
Texts: TypeAlias = npt.NDArray[np.object_]


def read_labels(path: Path, name: str, only: str | None = None) -> tuple[int, Labels]:
    """How many rows a file has, and its labels, or that one alone. Raises SourceError, also for a row of another form.

    `name`: what people know the file by.
    """
    names = [only] if only is not None else list(_names(path, name))
    found: dict[str, dict[str, str]] = {label: {} for label in names}
    rows = 0
    for number, (store_id, *values) in _rows(path, name, names):
        rows += 1
        for label, value in zip(names, values, strict=True):
            if found[label].setdefault(store_id, value) != value:
                raise SourceError(f"{name}: row {number}: store {store_id!r} has two values of {label}")
    for label, of_stores in found.items():
        if len(set(of_stores.values())) > _MAX_GROUPS:
            expected = "expected what stores have in common, and files without other columns"
            raise SourceError(f"{name}: {label} has more than {_MAX_GROUPS} values: {expected}")
    return rows, found


def _names(path: Path, name: str) -> Iterator[str]:
    with open_table(str(path), [Layout("labels", (_STORE,))]) as table:
        names = [normal(column) for column in table.ignored]
    if not names:
        raise SourceError(f"{name}: no column but store_id: expected one for each label, for example region")
    for label in names:
        if not label or len(label) > MAX_LABEL_CHARS or not label.isprintable() or _OWN.fullmatch(label):
            expected = f"expected a name of at most {MAX_LABEL_CHARS} characters that no column of a report has"
            raise SourceError(f"{name}: line 1: invalid label {printable(label)!r}: {expected}")
        yield label


def _rows(path: Path, name: str, labels: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    layout = Layout("labels", (_STORE, *map(Column, labels)))
    with open_table(str(path), [layout]) as table:
        for row in table:
            if not isinstance(row, Row):
                raise SourceError(f"{name}: row {row.number}: {row.text}")
            if not row.cells[0]:
                raise SourceError(f"{name}: row {row.number}: no store_id")
            yield row.number, row.cells


def take_labels(cursor: duckdb.DuckDBPyConnection, labels: Labels) -> int:
    """Give stores their labels, which may be known already; an empty one takes it away. How many stores change."""
    rows = [(store_id, label, value) for label, found in labels.items() for store_id, value in found.items()]
    cursor.execute("CREATE OR REPLACE TEMP TABLE labelled (store_id VARCHAR, label VARCHAR, value VARCHAR)")
    if rows:
        columns = zip(("store_id", "label", "value"), zip(*rows, strict=True), strict=True)
        cursor.register("labels_in", {name: np.array(values, dtype=object) for name, values in columns})
        cursor.execute("INSERT INTO labelled SELECT * FROM labels_in")
        cursor.unregister("labels_in")
    of = "FROM labelled AS n JOIN stores USING (store_id)"
    (changed,) = one(
        cursor,
        f"SELECT count(DISTINCT store) {of} LEFT JOIN labels USING (store, label) "  # noqa: S608, our own names
        "WHERE NULLIF(n.value, '') IS DISTINCT FROM labels.value",
    )
    cursor.execute(f"DELETE FROM labels WHERE (store, label) IN (SELECT (store, label) {of})")  # noqa: S608
    cursor.execute(f"INSERT INTO labels SELECT store, label, n.value {of} WHERE n.value <> ''")
    return int(changed)


def labels_of(cursor: duckdb.DuckDBPyConnection, store_ids: Texts) -> dict[str, Texts]:
    """By name of label, the stores' in that order; empty where a store has none."""
    places = {store_id: place for place, store_id in enumerate(store_ids.tolist())}
    names = cursor.execute("SELECT DISTINCT label FROM labels ORDER BY label").fetchall()
    found = {name: np.full(len(store_ids), "", dtype=object) for (name,) in names}
    for name, values in found.items():
        rows = cursor.execute("SELECT store_id, value FROM labels JOIN stores USING (store) WHERE label = ?", [name])
        for store_id, value in rows.fetchall():
            if store_id in places:
                values[places[store_id]] = value
    return found
