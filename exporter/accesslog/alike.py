"""Replaces many request targets by few with the same routes, in one step. Pure.

To find the route of a target takes 3 us; with ids in them, a busy log has as many targets as lines. Here the commonest
ids are replaced in all targets together, each kind by one id of its kind: 0.6 us a target. The law: the replacement of
a target has the same route as the target. `exporter.accesslog.shapes` says what is an id, and of which kind.
"""

import re
from collections.abc import Sequence

_HEX4 = rb"[0-9a-fA-F]{4}"
_END = rb"(?=(?:\.[A-WYZa-wyz][A-Za-z0-9]{0,9})?(?:[/\n]|\Z))"  # numbers with an x between them are an id as a whole
_EXTENSION = rb"(?=(?:\.[A-Za-z0-9]{1,16}){0,2}\.[A-Za-z][A-Za-z0-9]{0,9}(?:[/\n]|\Z))"  # longer: the router's
_HEXES = rb"(?=[0-9a-fA-F]{7,}+(?:[/.\n]|\Z))"  # most segments are not: a fourth of the time, in all
_HASH = (
    _HEXES + rb"(?:(?=[a-fA-F]*+[0-9])[0-9a-fA-F]{16,}+"
    rb"|(?=[a-f]*+[0-9][0-9a-f]*[0-9])(?=[0-9]*+[a-f])[0-9a-f]{7,15}+)"
)
_IDS = (
    (re.compile(rb"/[0-9]+" + _END), b"/0"),
    (re.compile(rb"/" + _HASH + _END), b"/000000a"),
    (
        re.compile(rb"/" + _HEX4 * 2 + rb"(?:-" + _HEX4 + rb"){4}" + _HEX4 * 2 + _END),
        b"/a0000000-0000-0000-0000-000000000000",
    ),
    (re.compile(rb"\.(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,}" + _EXTENSION), b".0000000a"),
)
"""Patterns of ids with the text before them, and the id that replaces them. Numbers come before hashes."""

_VARIABLE = re.compile(r"\{[^}]*\}")
_PART_OF_ID = re.compile(r"[0-9a-fA-F}-]\{|\}[0-9a-fA-F-]")


def alike(targets: Sequence[bytes]) -> Sequence[bytes]:
    """For each target, one with the same route, if no template has ids (`speaks_of_ids`)."""
    text = b"\n".join(targets)
    for pattern, instead in _IDS:
        text = pattern.sub(instead, text)
    found = text.split(b"\n")
    return found if len(found) == len(targets) else targets  # one of them has a line feed


def speaks_of_ids(template: str) -> bool:
    """Whether a route's template may take one id and not another of its kind."""
    fixed = _VARIABLE.sub("a", template).encode()  # the shortest that an extension can be, as in /42.{x}
    return _PART_OF_ID.search(template) is not None or any(pattern.search(fixed) for pattern, _ in _IDS)
