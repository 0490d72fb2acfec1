"""The JSON Schema of a configuration, and what the docstrings say of its keys."""

from typing import Annotated, Literal

import jsonschema
import msgspec
import pytest

from foundation.grammar import Address
from foundation.keys import address, duration, size
from foundation.schema import meanings, schema_of, summary


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is.

    path: of the file,
        which may be large.
    """

    path: str


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is inside. Raises ValueError: never.

    low, high: bounds: both count.
    """

    low: int = 0
    high: int = 9


class Outer(Place, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole, in
    two lines.

    Attributes:
        from_: where to begin.
        timeout_s: how long.
            path: not a key of its own here.

    path is said by the base. kind: not in the first paragraph's list, but a line of a key all the same.
    """

    from_: Literal["start", "end"] = msgspec.field(name="from", default="start")
    timeout_s: Annotated[float, duration(most_s=60)] = 5.0
    whole_s: Annotated[int, duration(whole=True, least_s=1)] = 10
    listen: Annotated[Address, address()] | None = None
    most: Annotated[int, size(most_bytes=1 << 20)] = 1024
    inner: list[Inner] = []
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+\Z")] = "a"


def test_meanings_are_the_lines_of_keys_of_a_struct_and_its_bases():
    assert meanings(Outer) == {
        "path": "of the file, which may be large.",
        "from_": "where to begin.",
        "timeout_s": "how long. path: not a key of its own here.",
    }
    assert meanings(Inner) == dict.fromkeys(("low", "high"), "bounds: both count.")
    assert summary(Outer) == "The whole, in two lines."


def test_the_schema_is_of_what_is_written():
    schema = schema_of(Outer, "A file")
    assert schema["title"] == "A file"
    assert list(schema["$defs"]) == ["Inner"]
    keys = schema["properties"]
    assert list(keys) == ["path", "from", "timeout_s", "whole_s", "listen", "most", "inner", "kind"]
    assert keys["from"] == {"enum": ["end", "start"], "default": "start", "description": "where to begin."}
    assert keys["timeout_s"]["type"] == ["number", "string"]
    assert (keys["timeout_s"]["exclusiveMinimum"], keys["timeout_s"]["maximum"]) == (0, 60)
    assert keys["kind"]["pattern"] == "^[a-z]+$"
    assert schema["$defs"]["Inner"]["description"] == "What is inside. Raises ValueError: never."


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"from": "end", "timeout_s": "1.5s", "whole_s": "1m30s", "listen": "[::1]:0", "most": "64 KiB"},
        {"timeout_s": 0.5, "whole_s": 1, "listen": None, "most": 0, "inner": [{}, {"low": 1}]},
        {"timeout_s": "1e1", "listen": "web-1.example.org:80", "most": "1.5k"},
        {"timeout_s": "500ms"},
    ],
)
def test_what_can_be_written_is_taken(keys):
    jsonschema.validate({"path": "a", **keys}, schema_of(Outer, "A file"))


@pytest.mark.parametrize(
    "keys",
    [
        {"path": None},
        {"from_": "end"},
        {"from": "middle"},
        {"timeout_s": "10x"},
        {"timeout_s": ""},
        {"timeout_s": 61},
        {"timeout_s": 0},
        {"timeout_s": True},
        {"whole_s": 1.5},
        {"whole_s": 0},
        {"listen": ":80"},
        {"listen": ["a", 80]},
        {"listen": 80},
        {"most": -1},
        {"most": "4 x"},
        {"most": 1.5},
        {"inner": [{"middle": 1}]},
        {"inner": {}},
        {"kind": "A"},
    ],
)
def test_what_cannot_be_is_refused(keys):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"path": "a", **keys}, schema_of(Outer, "A file"))
