"""Labels of stores, such as a region, from a file with a column `store_id` and one for each label."""

from pathlib import Path

from exporter.tables import Column, Layout, Row, open_table
from foundation.errors import SourceError

_MAX_GROUPS = 10_000


def read_labels(path: Path, label: str) -> dict[str, str]:
    """Each store's label. Raises SourceError, also for a row that cannot be read: its store would be in no group."""
    layout = Layout("labels", (Column("store_id", ("store", "id")), Column(label)))
    found: dict[str, str] = {}
    with open_table(str(path), [layout]) as table:
        for row in table:
            if not isinstance(row, Row):
                raise SourceError(f"{path}: row {row.number}: {row.text}")
            store_id, value = (cell.strip() for cell in row.cells)
            if found.setdefault(store_id, value) != value:
                raise SourceError(f"{path}: row {row.number}: store {store_id!r} has two values of {label}")
    if len(set(found.values())) > _MAX_GROUPS:
        raise SourceError(f"{path}: {label} has more than {_MAX_GROUPS} values: expected what stores have in common")
    return found
