"""Request targets to fewer ones with the same routes, in SQL. Pure: texts from a router.

Of all targets of one route, the columnar engine returns one. The law: the replacement of a target
has the same route as the target. RE2 has no lookahead, so some ids cannot be decided here; they stay as they are, and
the router decides. `exporter.accesslog.shapes` says what is an id.
"""

import re

from exporter.accesslog.parse.columnar_rows import add, quoted, replace
from exporter.accesslog.routes import Router, compile_template

_NO_PATH = "*"
"""A target that is not a path."""
_FILLS = ("x", "0", "~", "x0x")
"""Texts in place of the variables of a template."""
_VARIABLE = re.compile(r"\{[^}]*\}")

_WITHOUT_HOST = "regexp_replace(target, '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*/?', '/')"
_WITHOUT_PARAMETERS = "regexp_replace(target, ';[^/]*', '', 'g')"

# An extension may follow an id at the end of a path; none with an x in front, which may be a sign between numbers.
_END = r"(/|\.[A-WYZa-wyz][A-Za-z0-9]{0,9}$|$)"
_EXTENSION = r"(\.[A-Za-z][A-Za-z0-9]{0,9}$)"


def routed(rows: str, router: Router) -> str:
    """A question for `rows`, which have a column `target`, with targets that have the same routes."""
    rows = replace(rows, "target", f"CASE WHEN starts_with(target, '/') THEN target ELSE {_WITHOUT_HOST} END")
    rows = replace(rows, "target", f"CASE WHEN contains(target, ';') THEN {_WITHOUT_PARAMETERS} ELSE target END")
    rows = replace(rows, "target", f"CASE WHEN starts_with(target, '/') THEN target ELSE '{_NO_PATH}' END")
    cases = "".join(_case(template, router) for template in router.templates)
    if router.only_declared:
        return replace(rows, "target", f"CASE {cases} ELSE '{_NO_PATH}' END" if cases else f"'{_NO_PATH}'")
    if not cases:
        return replace(_shaped(rows), "target", "shape")
    rows = _shaped(add(rows, "declared", f"CASE {cases} END"))
    any_template = quoted("|".join(compile_template(template) for template in router.templates))
    taken = f"regexp_full_match(shape, '(?s)(?:{any_template})')"  # only the replacement of the target, not the target
    return replace(
        rows, "target", f"CASE WHEN declared IS NULL AND NOT {taken} THEN shape ELSE coalesce(declared, target) END"
    )


def _case(template: str, router: Router) -> str:
    """What becomes of targets that the template takes: one of them, if one is found that no template before takes."""
    start, pattern = quoted(template.partition("{")[0]), quoted(compile_template(template))
    examples = (_VARIABLE.sub(fill, template) for fill in _FILLS)
    example = next((one for one in examples if router.route(one.encode()) == template), None)
    becomes = "target" if example is None else f"'{quoted(example)}'"
    return f" WHEN starts_with(target, '{start}') AND regexp_full_match(target, '(?s){pattern}') THEN {becomes}"


def _shaped(rows: str) -> str:
    """The rows with a column `shape`: the target with one id of each kind in place of all."""
    rows = add(rows, "shape", "target")
    for may_be, pattern, instead, end in _KINDS:
        replaced = _replaced("shape", pattern, instead, end)
        rows = replace(rows, "shape", f"CASE WHEN {may_be} THEN {replaced} ELSE shape END")
    return rows


def _replaced(text: str, pattern: str, instead: str, end: str) -> str:
    return rf"regexp_replace({text}, '{pattern}{end}', '{instead}\{re.compile(pattern).groups + 1}', 'g')"


def _mixed(digits: int, letters: int, least: int, most: int | None = None, *, hexes: str = "a-f") -> str:
    """A regex of hexadecimal texts of `least` to `most` characters, of which so many are digits and letters at least.

    Empty where there is no such text.
    """
    if not digits and not letters:
        return f"[0-9{hexes}]{{{max(0, least)},{'' if most is None else most}}}"
    if most == 0:
        return ""
    if least <= 0 and most is None:
        first, other = ("0-9", hexes) if letters else (hexes, "0-9")
        return f"[{first}]*[{other}][0-9{hexes}]*"
    most = None if most is None else most - 1
    branches = (
        ("[0-9]", _mixed(max(0, digits - 1), letters, least - 1, most, hexes=hexes)),
        (f"[{hexes}]", _mixed(digits, max(0, letters - 1), least - 1, most, hexes=hexes)),
    )
    possible = "|".join(first + rest for first, rest in branches if rest)
    return f"(?:{possible})" if possible else ""


_HEX4 = "[0-9a-fA-F]{4}"
_LONG_HASH = _mixed(1, 1, 16, hexes="a-fA-F")
_SHORT_HASH = _mixed(2, 1, 7, 15)
_FILE_HASH = _mixed(1, 1, 8)
# Without its digits such a text has too few turns to be random, whatever the digits are.
_COUNTED = r"(/(?:[a-z]{3,}[-_]){1,6})[0-9]{4,}"
_SIGNED = "contains(shape, '-') OR contains(shape, '_')"
_TWO_IN_A_ROW = "contains(shape, '/0/') AND substring(shape, instr(shape, '/0/') + 3, 1) BETWEEN '0' AND '9'"
_KINDS = (
    ("true", "/[0-9]+", "/0", _END),
    (_TWO_IN_A_ROW, "/(?:[1-9][0-9]*|0[0-9]+)", "/0", _END),  # the slash between them was the first one's
    (
        "shape LIKE '%-____-____-____-%'",
        rf"/{_HEX4}{_HEX4}(?:-{_HEX4}){{4}}{_HEX4}{_HEX4}",
        "/a0000000-0000-0000-0000-000000000000",
        _END,
    ),
    ("contains(shape, '.')", rf"\.{_FILE_HASH}", ".0000000a", _EXTENSION),
    (_SIGNED, _COUNTED, r"\10000", _END),
    (_SIGNED, "/[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?", "/2000-01-01", _END),
    ("true", f"/(?:{_LONG_HASH}|{_SHORT_HASH})", "/000000a", _END),
)
"""Kinds of ids: what is soon seen of a path with one, a regex, what stands for them all, and what follows."""
