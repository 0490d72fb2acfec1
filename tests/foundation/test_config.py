"""Configuration errors say where and what would be right."""

import msgspec
import pytest

from foundation.config import parse_config, read_config
from foundation.errors import ConfigError


class Item(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    source: str
    interval_s: float = 10.0


class Root(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    items: list[Item] = []
    state_dir: str | None = None
    named: dict[str, Item] = {}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("itms: []\n", "c.yml:1: $: unknown key itms; did you mean items?", id="top"),
        pytest.param(
            "items:\n  - source: a\n  - source: b\n    intervall_s: 3\n",
            "c.yml:4: $.items[1]: unknown key intervall_s; did you mean interval_s?",
            id="nested",
        ),
        pytest.param(
            "items:\n  - source: a\n    xyz: 3\n",
            "c.yml:3: $.items[0]: unknown key xyz; known here: source, interval_s",
            id="nothing-close",
        ),
        pytest.param(
            "named:\n  a:\n    source: a\n  b:\n    source: b\n    sauce: 3\n",
            "c.yml:6: $.named[...]: unknown key sauce; did you mean source?",
            id="under-a-name",
        ),
        pytest.param(
            "items:\n  - source: 5\n", "c.yml:2: $.items[0].source: expected `str`, got `int`", id="wrong-type"
        ),
        pytest.param("items: {\n", "c.yml:2: not YAML: expected the node content, but found '<stream end>'", id="yaml"),
        pytest.param("- 1\n", "c.yml:1: $: expected `object`, got `array`", id="not-a-mapping"),
    ],
)
def test_an_error_names_the_line_and_the_remedy(text, want):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Root, name="c.yml")
    assert str(caught.value) == want


def test_an_empty_file_is_the_defaults():
    assert parse_config("", Root) == Root()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not-utf8"])
def test_an_unreadable_file_is_one_line(tmp_path, content):
    path = tmp_path / "c.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.yml: "):
        read_config(path, Root)
