"""What the documents of stores and releases say there is, and what there is."""

from pathlib import Path

import msgspec
import pytest

from exporter.releases import Source as ReleasesSource
from exporter.releases.cli import releases
from exporter.stores import Source as StoresSource
from exporter.stores.cli import stores

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("name", "group", "source"),
    [("stores", stores, StoresSource), ("releases", releases, ReleasesSource)],
    ids=["stores", "releases"],
)
def test_every_option_and_every_key_is_documented(name, group, source):
    text = (DOCS / f"{name}.md").read_text("utf-8")
    options = {option for command in group.commands.values() for param in command.params for option in param.opts}
    missing = {option for option in options if option.startswith("--") and option not in text}
    keys = {key for key in source.__struct_fields__ if key not in text}
    assert (missing, keys) == (set(), set())


@pytest.mark.parametrize(
    ("source", "keys", "want"),
    [
        (StoresSource, {"http": "127.0.0.1:99999"}, "http: '127.0.0.1:99999' is not host:port"),
        (ReleasesSource, {"http": "8095"}, "http: '8095' is not host:port"),
        (ReleasesSource, {"tcp": "localhost:x"}, "tcp: 'localhost:x' is not host:port"),
        (ReleasesSource, {"limits": {"lateness_s": -1}}, "`$.limits.lateness_s`"),
        (ReleasesSource, {"limits": {"max_codes": 0}}, "`$.limits.max_codes`"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_runs(source, keys, want):
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"source": "app", **keys}, source)
    assert want in str(refused.value)
