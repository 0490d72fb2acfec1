"""A report of a range as pages in a folder, that can be sent and looked at without a server."""

from pathlib import Path

from exporter.stores.asking import MAX_ROWS, Asked, choose
from exporter.stores.figures import group_table, store_table
from exporter.stores.pages import Written, store_page, stores_page
from exporter.stores.ranges import Wanted
from exporter.stores.report import Report, explain_store
from exporter.stores.state import Database
from foundation.errors import StoreError
from foundation.output import replacing

MAX_STORE_PAGES = 50  # each takes a third of a second
MAX_GROUP_PAGES = 200
_WORST = Asked(Wanted(), sort="availability_percent", limit=MAX_ROWS)


def write_pages(folder: Path, database: Database, report: Report, label: str | None) -> str:
    """Write index.html, and pages of the stores and the groups by `label` that were least available.

    Returns:
        What was written, in words.

    Raises:
        StoreError: the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{folder}: {exc.strerror}") from exc
    worst, total = choose(store_table(report), _WORST._replace(limit=MAX_STORE_PAGES))
    files = {store_id: f"store-{number}.html" for number, store_id in enumerate(worst[0].values, 1)}
    written = Written(files)
    told = f"{total} stores, {len(files)} of them with a page"
    if label is not None:
        groups, number = choose(group_table(report, label), _WORST._replace(limit=MAX_GROUP_PAGES))
        written = Written(files, label, {name: f"group-{n}.html" for n, name in enumerate(groups[0].values, 1)})
        told = f"{told}; {number} groups, {len(written.groups)} of them with a page"
    _write(folder / "index.html", stores_page(report, _WORST, {}, written))
    for group, name in written.groups.items():
        of_group = _WORST._replace(group_by=label, group=group)
        _write(folder / name, stores_page(report, of_group, {}, Written(files)))
    for store_id, name in files.items():
        found = explain_store(database, report.policy, report.as_of_us, store_id, report.within)
        if found is not None:
            _write(folder / name, store_page(store_id, found, {}, written=True))
    return f"{folder / 'index.html'}: {told}"


def _write(path: Path, text: str) -> None:
    with replacing(path, own_name=True) as stream:
        stream.write(text.encode("utf-8", "replace"))
