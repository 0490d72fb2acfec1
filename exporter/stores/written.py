"""A report of a range as pages in a folder, that can be sent and looked at without a server."""

from pathlib import Path

from exporter.stores.asking import MAX_ROWS, Asked, choose
from exporter.stores.figures import Groups, store_table
from exporter.stores.pages import store_page, stores_page
from exporter.stores.ranges import Wanted
from exporter.stores.report import Report, explain_store
from exporter.stores.state import Database
from foundation.errors import StoreError
from foundation.output import replacing

MAX_STORE_PAGES = 50  # each takes a third of a second


def write_pages(folder: Path, database: Database, report: Report, groups: Groups | None) -> str:
    """Write index.html and the pages of the stores that were least available; what was written. Raises StoreError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{folder}: {exc.strerror}") from exc
    asked = Asked(Wanted(), sort="availability_percent", limit=MAX_ROWS)
    worst, total = choose(store_table(report), asked._replace(limit=MAX_STORE_PAGES))
    files = {store_id: f"store-{number}.html" for number, store_id in enumerate(worst[0].values, 1)}
    _write(folder / "index.html", stores_page(report, asked, {}, files, groups))
    for store_id, name in files.items():
        found = explain_store(database, report.policy, report.as_of_us, store_id, report.within)
        if found is not None:
            _write(folder / name, store_page(store_id, found, {}, written=True))
    return f"{folder / 'index.html'}: {total} stores, {len(files)} of them with a page"


def _write(path: Path, text: str) -> None:
    with replacing(path, own_name=True) as stream:
        stream.write(text.encode("utf-8", "replace"))
