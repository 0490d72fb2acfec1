"""A range's report as pages in a folder."""

import re

import pytest
from store_reports import WORLD, a_report

from exporter.stores import written
from exporter.stores.figures import with_labels
from exporter.stores.written import write_pages
from foundation.errors import StoreError


def test_the_folder_has_every_store_groups_and_links_that_lead_to_files(tmp_path, monkeypatch):
    monkeypatch.setattr(written, "explain_store", lambda *_: None)
    world = with_labels(WORLD, "region", {"a": "north", "=b": "north", "c": "south", "d": "south"})
    told = write_pages(tmp_path / "new", None, world, "region")
    assert told.endswith("index.html: 4 stores, 4 of them with a page; 2 groups, 2 of them with a page")
    page = (tmp_path / "new" / "index.html").read_text()
    assert '<a href="store-1.html">a</a>' in page
    assert '<th scope="row"><a href="group-1.html">north</a></th><td class="number">2</td>' in page
    assert re.findall('<a href="group-..html">([a-z]+)<', page) == ["north", "south"]  # the least available first
    north = (tmp_path / "new" / "group-1.html").read_text()
    assert "region north</h1>" in north
    assert re.findall(r'<a href="(store-.|index)[.]html">', north) == ["index", "store-1", "store-2"]
    assert "2 of 2</b>stores judged" in north
    for asking in ("<form", "<script", "?sort=", "trigger"):
        assert asking not in page + north


def test_only_the_least_available_have_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(written, "explain_store", lambda *_: None)
    monkeypatch.setattr(written, "MAX_STORE_PAGES", 1)
    write_pages(tmp_path, None, a_report([("good", 9, 1, 0, 10), ("bad", 1, 9, 0, 10)]), None)
    page = (tmp_path / "index.html").read_text()
    assert page.count("store-") == page.count('store-1.html">bad</a>') == 1
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        write_pages(tmp_path / "file", None, WORLD, None)
