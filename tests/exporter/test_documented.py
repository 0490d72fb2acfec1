"""What the documents of stores and releases say there is, and what there is."""

from pathlib import Path

import pytest

from exporter.accesslog.formats import PRESETS
from exporter.logs import Source as LogsSource
from exporter.logs.cli import logs
from exporter.logs.source import Label, Limits, Rule
from exporter.releases import Source as ReleasesSource
from exporter.releases.cli import releases
from exporter.stores import Source as StoresSource
from exporter.stores.cli import stores
from foundation.config import parse_config
from foundation.errors import ConfigError

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("name", "group", "source"),
    [("stores", stores, StoresSource), ("releases", releases, ReleasesSource), ("logs", logs, LogsSource)],
    ids=["stores", "releases", "logs"],
)
def test_every_option_and_every_key_is_documented(name, group, source):
    text = (DOCS / f"{name}.md").read_text("utf-8")
    options = {option for command in group.commands.values() for param in command.params for option in param.opts}
    missing = {option for option in options if option.startswith("--") and option not in text}
    keys = {key for key in source.__struct_encode_fields__ if key not in text}
    assert (missing, keys) == (set(), set())


@pytest.mark.parametrize("struct", [Rule, Label, Limits])
def test_every_key_of_a_rule_is_documented(struct):
    text = (DOCS / "logs.md").read_text("utf-8")
    assert {key for key in struct.__struct_encode_fields__ if f"`{key}`" not in text and f"{key}:" not in text} == set()


@pytest.mark.parametrize(
    ("source", "keys", "want"),
    [
        (StoresSource, "http: 127.0.0.1:99999", "$.http: invalid address '127.0.0.1:99999': expected a port from 0"),
        (StoresSource, "as_of: yesterday", "$.as_of: invalid time 'yesterday': expected max, now, a date and time"),
        (StoresSource, "as_of: 1969-12-31", "$.as_of: invalid time 1969-12-31T00:00:00Z: expected the years 1970"),
        (StoresSource, "keep_reports_s: 0", "$.keep_reports_s: invalid duration 0: expected more than 0"),
        (ReleasesSource, "http: 8095", "$.http: invalid address 8095: expected HOST:PORT, for example 127.0.0.1:8095"),
        (ReleasesSource, "tcp: localhost:x", "$.tcp: invalid address 'localhost:x': expected HOST:PORT"),
        (ReleasesSource, "baseline: null", "$: nothing to read: expected http, tcp, paths or prometheus"),
        (ReleasesSource, "limits: {lateness_s: -1}", "$.limits.lateness_s: invalid duration -1"),
        (ReleasesSource, "limits: {max_codes: 0}", "$.limits.max_codes: expected a whole number of at least 1, got 0"),
        (ReleasesSource, "compare: {bin_s: 1.5}", "$.compare.bin_s: invalid duration 1.5: expected whole seconds"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_runs(source, keys, want):
    with pytest.raises(ConfigError) as refused:
        parse_config(f"source: app\n{keys}", source)
    assert want in str(refused.value)


def test_keys_take_the_notation_of_flags():
    stores = parse_config("{source: a, http: '[::1]:0', as_of: 2026-11-01, refresh_s: 1m30s}", StoresSource)
    assert (stores.http, stores.as_of, stores.refresh_s) == (("::1", 0), 1_793_491_200_000_000, 90.0)
    text = "{source: a, tcp: localhost:0, compare: {bin_s: 1m}, limits: {lateness_s: 0, retired_s: 1d}}"
    releases = parse_config(text, ReleasesSource)
    assert (releases.tcp, releases.compare.bin_s) == (("localhost", 0), 60)
    assert (releases.limits.lateness_s, releases.limits.retired_s) == (0, 86_400)


def test_every_log_format_is_documented():
    text = (DOCS / "accesslog.md").read_text("utf-8")
    assert len(PRESETS) > 40
    assert [name for name in PRESETS if f"`{name}`" not in text] == []
