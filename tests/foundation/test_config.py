"""Configuration errors say where and what would be right, in words that are not Python's."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.config import parse_config, read_config
from foundation.errors import ConfigError
from foundation.grammar import Address
from foundation.keys import address, duration, moment, size
from foundation.terminal import printable


class Item(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    source: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", extra={"words": "small letters"})]
    interval_s: Annotated[float, duration(most_s=3600)] = 10.0
    late_s: Annotated[int, duration(whole=True, zero=True)] = 0
    from_: Literal["start", "end"] = msgspec.field(name="from", default="start")
    paths: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("a",)
    codes: list[Annotated[int, msgspec.Meta(ge=0, le=999)]] = []
    ratio: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    flag: bool = False


class Root(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    items: list[Item] = []
    state_dir: str | None = None
    named: dict[str, Item] = {}
    http: Annotated[Address, address()] | None = None
    start: Annotated[datetime, moment()] | None = None
    as_of: Annotated[str | int, moment(words=("max", "now"), unit=lambda at: round(at.timestamp()))] = "max"
    max_bytes: Annotated[int, size(least_bytes=1, most_bytes=1 << 20)] = 4096
    mix: str | dict[str, float] = ""

    def __post_init__(self):
        if self.state_dir == "":
            raise ValueError("state_dir must not be empty")


ITEM = "items:\n  - source: a\n    "


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("itms: []\n", "1: $: unknown key itms; did you mean items?", id="top"),
        pytest.param(
            "items:\n  - source: a\n  - source: b\n    intervall_s: 3\n",
            "4: $.items[1]: unknown key intervall_s; did you mean interval_s?",
            id="nested",
        ),
        pytest.param(
            ITEM + "xyz: 3\n",
            "3: $.items[0]: unknown key xyz; known here: source, interval_s, late_s, from, paths, codes, ratio, flag",
            id="nothing-close",
        ),
        pytest.param(
            "named:\n  a:\n    source: a\n  b:\n    source: b\n    sauce: 3\n",
            "6: $.named.b: unknown key sauce; did you mean source?",
            id="under-a-name",
        ),
        pytest.param('named: {"a b": 1}', "1: $.named['a b']: expected a mapping with the keys source, ", id="quoted"),
        pytest.param(
            "items:\n  - source: 5\n", "2: $.items[0].source: expected small letters: write it in quotes", id="text"
        ),
        pytest.param("items:\n- source: A", "2: $.items[0].source: expected small letters, got A", id="pattern"),
        pytest.param("items:\n- source:", "2: $.items[0].source: expected small letters, got nothing", id="null"),
        pytest.param("items:\n- from: end", "2: $.items[0]: missing key source", id="missing"),
        pytest.param("items: /x", "1: $.items: expected a list, for example [/x]", id="scalar-for-list"),
        pytest.param(
            ITEM + "paths: /x", "3: $.items[0].paths: expected a list of at least one, for example [/x]", id="paths"
        ),
        pytest.param(
            ITEM + "paths: []", "3: $.items[0].paths: expected a list of at least one, got an empty one", id="[]"
        ),
        pytest.param(
            "items:\n  source: a", "1: $.items: expected a list: begin each item with -", id="mapping-for-list"
        ),
        pytest.param("- 1\n", "1: $: expected a mapping with the keys items, ", id="list-for-mapping"),
        pytest.param("hello", "1: $: expected a mapping with the keys items, ", id="scalar-for-mapping"),
        pytest.param(
            ITEM + "from: strat", "3: $.items[0].from: expected end or start; did you mean start?", id="choice"
        ),
        pytest.param(ITEM + "from: 7", "3: $.items[0].from: expected end or start, got 7", id="choice-number"),
        pytest.param(
            ITEM + "codes: [200, 1000]",
            "3: $.items[0].codes[1]: expected a whole number of at least 0 and of at most 999, got 1000",
            id="range",
        ),
        pytest.param(
            ITEM + "codes: [2.5]", "3: $.items[0].codes[0]: expected a whole number of at least 0 ", id="fraction"
        ),
        pytest.param(
            ITEM + "codes: [yes]", "3: $.items[0].codes[0]: expected a whole number of at least 0 ", id="bool"
        ),
        pytest.param(
            ITEM + "codes: [0200]", "3: $.items[0].codes[0]: expected a whole number of at least 0 ", id="octal"
        ),
        pytest.param(
            ITEM + f"codes: [{'9' * 500}]", "3: $.items[0].codes[0]: expected a whole number of at least 0 ", id="huge"
        ),
        pytest.param(ITEM + "ratio: .nan", "3: $.items[0].ratio: expected a number above 0, got .nan", id="nan"),
        pytest.param(ITEM + "ratio: .inf", "3: $.items[0].ratio: expected a number above 0, got .inf", id="inf"),
        pytest.param(ITEM + "flag: maybe", "3: $.items[0].flag: expected true or false, got maybe", id="flag"),
        pytest.param(ITEM + "flag: 1", "3: $.items[0].flag: expected true or false, got 1", id="flag-number"),
        pytest.param("state_dir: 5", "1: $.state_dir: expected text: write it in quotes", id="optional-text"),
        pytest.param(
            "state_dir: {word}",
            "1: $.state_dir: expected text, got a mapping; write text that begins with { in quotes",
            id="text-in-braces",
        ),
        pytest.param("state_dir: {a: 1}", "1: $.state_dir: expected text, got a mapping", id="mapping-for-text"),
        pytest.param('\nstate_dir: ""', "2: $: state_dir must not be empty", id="own-check"),
        pytest.param("mix: 5", "1: $.mix: expected text or a mapping", id="one-of-two"),
        pytest.param(
            "http: 8095", "1: $.http: invalid address 8095: expected HOST:PORT, for example 127.0.0.1:8095", id="port"
        ),
        pytest.param("http: [a]", "1: $.http: expected one value, got several", id="list-for-address"),
        pytest.param(
            "start: 2026-13-01", "1: $.start: invalid time '2026-13-01': expected a date and time, ", id="instant"
        ),
        pytest.param(
            "as_of: yesterday", "1: $.as_of: invalid time 'yesterday': expected max, now, a date and time, ", id="as-of"
        ),
        pytest.param("max_bytes: 2MiB", "1: $.max_bytes: invalid size '2MiB': expected 1B to 1MiB", id="size"),
        pytest.param(
            ITEM + "interval_s: soon",
            "3: $.items[0].interval_s: invalid duration 'soon': expected seconds or",
            id="duration",
        ),
        pytest.param(
            ITEM + "interval_s: .nan",
            "3: $.items[0].interval_s: invalid duration '.nan': expected seconds or",
            id="duration-nan",
        ),
        pytest.param(
            ITEM + "interval_s: 2h",
            "3: $.items[0].interval_s: invalid duration '2h': expected more than 0 and at most 1h",
            id="duration-range",
        ),
        pytest.param(
            ITEM + "late_s: 0.5",
            "3: $.items[0].late_s: invalid duration 0.5: expected whole seconds",
            id="duration-whole",
        ),
        pytest.param(ITEM + f"late_s: {'9' * 500}", "3: $.items[0].late_s: invalid duration 9999", id="duration-huge"),
        pytest.param("items: {\n", "2: not YAML: ", id="yaml"),
    ],
)
def test_an_error_names_the_line_and_the_remedy(text, want):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Root, name="c.yml")
    assert str(caught.value).startswith(f"c.yml:{want}")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (ITEM + "interval_s: 1m30s", Item(source="a", interval_s=90.0)),
        (ITEM + "interval_s: 90", Item(source="a", interval_s=90.0)),
        (ITEM + "interval_s: 0.5", Item(source="a", interval_s=0.5)),
        (ITEM + "late_s: 2m", Item(source="a", late_s=120)),
        (ITEM + "late_s: 0", Item(source="a", late_s=0)),
        (ITEM + "from: end", Item(source="a", from_="end")),
        (ITEM + "paths: [x, y]", Item(source="a", paths=("x", "y"))),
        (ITEM + "ratio: 2", Item(source="a", ratio=2.0)),
        (ITEM + "flag: on", Item(source="a", flag=True)),
    ],
)
def test_keys_read_the_grammars(text, want):
    assert parse_config(text, Root).items == [want]


@pytest.mark.parametrize(
    "text", ["2026-11-01", "2026-11-01T00:00:00Z", "2026-11-01 00:00:00", "2026-11-01T01:00:00+01:00", "1793491200"]
)
def test_an_instant_may_be_written_as_yaml_writes_times(text):
    want = datetime(2026, 11, 1, tzinfo=UTC)
    assert parse_config(f"{{start: {text}, as_of: {text}}}", Root) == Root(start=want, as_of=1793491200)
    assert parse_config(f"{{start: '{text}'}}", Root).start == want


def test_other_keys_with_grammars():
    got = parse_config("http: '[::1]:0'\nas_of: now\nmax_bytes: 64KiB\nmix: {'/': 1}", Root)
    assert got == Root(http=Address("::1", 0), as_of="now", max_bytes=65536, mix={"/": 1.0})


def test_an_empty_file_is_the_defaults():
    assert parse_config("", Root) == parse_config("# nothing\n---\n", Root) == Root()


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.dates().map(str))
KEYS = st.sampled_from([*Root.__struct_fields__, *(f.encode_name for f in msgspec.structs.fields(Item)), "x"])
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(TREES)
def test_any_tree_is_a_configuration_or_one_line_in_our_words(tree):
    try:
        said = ""
        parse_config(msgspec.json.encode(tree).decode(), Root)
    except ConfigError as exc:
        said = str(exc)
    assert said == printable(said)
    assert len(said) < 400
    assert not any(word in said for word in ("`", "str", "int ", "float", "NoneType", "None", "array", "object"))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not-utf8"])
def test_an_unreadable_file_is_one_line(tmp_path, content):
    path = tmp_path / "c.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.yml: "):
        read_config(path, Root)


def test_no_more_is_read_than_a_configuration_may_have():
    """Of a device that never ends, too."""
    with pytest.raises(ConfigError, match=r"^/dev/zero: larger than 4 MiB; is this the configuration\?$"):
        read_config(Path("/dev/zero"), Root)


def test_a_pipe_is_read_and_each_line_end_is_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(path.write_bytes, "items: []\r# ä\r\nodd: 1\n".encode())
        with pytest.raises(ConfigError, match=r"pipe:3: \$: unknown key odd"):
            read_config(path, Root)
