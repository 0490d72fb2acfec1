"""Labels that all lines of a file have: of its name."""

import re

import pytest

from exporter.accesslog.own_labels import Label
from exporter.accesslog.parse import reader as reading
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import Limits, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import BYTES, COUNT, Buckets

LINE = '192.0.2.1 - - [27/Nov/2026:10:00:00 +0000] "GET {} HTTP/1.1" {} 7 "-" "curl/8"\n'


def source(**settings):
    settings = {"paths": ("/var/log/{app}/{zone}-*.log",), "labels": {"app": "{app}"}} | settings
    return Source(source="s", format="combined", **settings)


def reader(of):
    return Reader(of.parsed_format(), Buckets(of.buckets), columns=of.columns(), of_file=of.of_file())


@pytest.mark.parametrize("bulk", [True, False], ids=["bulk", "line by line"])
def test_every_key_has_what_the_files_name_says(bulk, monkeypatch):
    if bulk:
        monkeypatch.setattr(reading, "PLAIN_BYTES", 1)
        monkeypatch.setattr(reading, "BULK_BYTES", 1)
    one = source(
        labels={
            "app": "{app}",
            "where": Label("zone", match="(..).*", replace=r"\1"),
            "client": "{user_agent}",
        },
    )
    assert list(one.own_labels()) == ["client", "app", "where"]
    read, lines = reader(one), (LINE.format("/a", 200) * 3 + LINE.format("/b", 404)).encode()
    for path in ("/var/log/web/eu1-x.log", "/var/log/web/eu1-x.log.1"):
        assert {key: (n[COUNT], n[BYTES]) for key, n in read.read(lines, path).hits.items()} == {
            (b"GET", b"/a", b"200", b"curl/8", b"web", b"eu"): (3, 21),
            (b"GET", b"/b", b"404", b"curl/8", b"web", b"eu"): (1, 7),
        }
    # a rotated file is of the log that it was
    assert {key[4:] for key in read.read(lines, "/elsewhere", "/var/log/api/us-1.log").hits} == {(b"api", b"us")}


def test_lines_of_several_files_are_read_together_only_where_their_names_do_not_matter():
    assert reader(source(labels={})).reads_alike("/var/log/a/b-c.log")
    assert not reader(source()).reads_alike("/var/log/a/b-c.log")


def test_a_captures_values_fold_past_their_limit():
    one = source(limits=Limits(values=2))
    traffic, read = Traffic(one, 0.0), reader(one)
    for app in ("a", "b", "c", "a"):
        traffic.add(read.read(LINE.format("/", 200).encode(), f"/var/log/{app}/eu-1.log"), 0.0)
    counts = {labels[4]: series.count for labels, series in traffic.requests.items()}
    assert counts == {"a": 2, "b": 1, "other": 1}
    assert traffic.totals.folded == {"app": 1}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"paths": ("/l/{path}.log",), "labels": {}}, "the format has a field of that name"),
        ({"labels": {"app": Label("app", match="(")}}, "the regex '(' is not a valid RE2 regex: missing )"),
        ({"labels": {"pod": "{pod}"}}, "labels: pod: the format has no field pod"),
    ],
)
def test_what_cannot_be_is_refused(settings, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        source(**settings)
