"""Groups of stores by a file of labels, and a range's report as pages in a folder."""

import pytest
from store_reports import WORLD, a_report

from exporter.stores import written
from exporter.stores.figures import Groups
from exporter.stores.labels import read_labels
from exporter.stores.written import write_pages
from foundation.errors import SourceError, StoreError


def test_labels_are_found_by_their_column_whatever_the_order_and_separator(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text('Region;store_id;size\n"north; far";a;3\nsouth;b;2\nsouth;b;2\n')
    assert read_labels(path, "region") == {"a": "north; far", "b": "south"}
    assert read_labels(path, "size") == {"a": "3", "b": "2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("store_id,region\na,n\na,s\n", "row 3: store 'a' has two values of region"),
        ("store_id,region\na,n,x\n", "row 2"),
        ("store_id,size\na,1\n", "region"),
    ],
)
def test_labels_that_leave_a_store_in_doubt_are_refused(tmp_path, text, words):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(SourceError, match=words):
        read_labels(tmp_path / "labels.csv", "region")


def test_the_folder_has_every_store_groups_and_links_that_lead_to_files(tmp_path, monkeypatch):
    monkeypatch.setattr(written, "explain_store", lambda *_: None)
    keys = Groups("region", ["north", "north", "south", "south"])
    told = write_pages(tmp_path / "new", None, WORLD, keys)
    assert told.endswith("index.html: 4 stores, 4 of them with a page")
    page = (tmp_path / "new" / "index.html").read_text()
    assert '<a href="store-1.html">a</a>' in page
    assert '<th scope="row">north</th><td class="number">2</td>' in page
    for asking in ("<form", "<script", "?sort=", "trigger"):
        assert asking not in page


def test_only_the_least_available_have_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(written, "explain_store", lambda *_: None)
    monkeypatch.setattr(written, "MAX_STORE_PAGES", 1)
    write_pages(tmp_path, None, a_report([("good", 9, 1, 0, 10), ("bad", 1, 9, 0, 10)]), None)
    page = (tmp_path / "index.html").read_text()
    assert page.count("store-") == page.count('store-1.html">bad</a>') == 1
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        write_pages(tmp_path / "file", None, WORLD, None)
