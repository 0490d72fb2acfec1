"""Every flag of every command that takes an address, a duration or an instant takes the common grammar."""

import re
from datetime import UTC

import click
import pytest
from command_tree import OPTIONS as ALL
from msgspec import inspect

from exporter.systems import SYSTEMS, config_of
from foundation.flags import AddressType, DurationType, InstantType

VECTORS = {
    DurationType: (("1h", "3600", "3600s", "60m"), ("", "soon", "-1h", "nan", "1:00", "30s1m", "1 h")),
    AddressType: (("127.0.0.1:8090", "[::1]:8090", "localhost:8090"), ("", "8090", ":8090", "::1:8090", "http://a:1")),
    InstantType: (
        ("2026-11-01T00:00:00Z", "2026-11-01", "2026-11-01 01:00+01:00", "1793491200"),
        ("", "noon", "2026-13-01"),
    ),
}
SMALL = {"step_s", "scrape_interval", "jitter_interval", "grain"}
"""Flags whose range has no hour in it are tried with the refusals alone."""
SOUNDS_LIKE = re.compile(
    r"(^|_)(interval|timeout|duration|linger|wait|refresh|keep_reports|since|until|as_of|cycle_start|cycle_end|start"
    r"|listen|address|ganglia|bytes|size|calm|after|fault|days|hours|paced|agree|step_s|bin_s|column_s|range_s|deltas)$"
)


OURS = [(name, option) for name, option in ALL if isinstance(option.type, tuple(VECTORS))]


def test_no_flag_that_sounds_like_one_of_these_has_a_type_of_its_own():
    """But for a sentence on a fault, a file of opening hours, and a time by the clock of each store."""
    sounding = [name for name, option in ALL if SOUNDS_LIKE.search(option.name) and not option.is_flag]
    sounding.remove("trafficgen feed stores --fault")
    sounding.remove("exporter stores load --hours")
    sounding.remove("exporter stores report --from")
    assert set(sounding) - {name for name, _ in OURS} == set()
    assert len(OURS) > 30


@pytest.mark.parametrize(("name", "option"), OURS, ids=[name for name, _ in OURS])
def test_a_flag_takes_and_refuses_what_the_grammar_does(name, option):
    kind = next(kind for kind in VECTORS if isinstance(option.type, kind))
    good, bad = VECTORS[kind]
    if kind is DurationType and option.type.bare != "s":
        good = [text for text in good if text != "3600"]
    context = click.Context(click.Command("x"))
    context.params["zone"] = UTC
    with context.scope(cleanup=False):
        if option.name not in SMALL:
            assert len({str(option.type.convert(text, option, context)) for text in good}) == (
                len(good) if kind is AddressType else 1
            )
        for text in bad:
            with pytest.raises(click.BadParameter, match=r"invalid (duration|address|time) .*: expected "):
                option.type.convert(text, option, context)


def keys(kind, path, grammar=None):
    if isinstance(kind, inspect.Metadata):
        yield from keys(kind.type, path, (kind.extra or {}).get("grammar", grammar))
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from keys(one, path, grammar)
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from keys(field.type, f"{path}.{field.encode_name}")
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
        yield from keys(kind.item_type, f"{path}[]")
    elif isinstance(kind, inspect.DictType):
        yield from keys(kind.value_type, f"{path}.*")
    elif not isinstance(kind, inspect.NoneType):
        yield path, grammar


def test_every_key_of_seconds_bytes_or_addresses_has_its_grammar():
    found = dict(keys(inspect.type_info(config_of({*SYSTEMS, "probe"})), "$"))
    wanted = {"_s": "duration", "_bytes": "size", ".http": "address", ".tcp": "address", ".as_of": "instant"}
    for path, grammar in found.items():
        for ending, want in wanted.items():
            if path.endswith(ending) and not path.endswith("_per_s"):
                assert (path, grammar) == (path, want)
    assert sum(grammar is not None for grammar in found.values()) > 12
