r"""A regex of a line to one of the same line where it is a string of JSON, escaped. Pure.

Taken apart so, a line need not be unescaped first. The new regex takes fewer lines than the old one, and of those the
same groups: an escape may stand for what the regex has as a literal (`\"` for a quote, `\t` for a tab), and in a class
only where no such literal is likely to follow, as RE2 is three times as quick where each character decides. Any other
line is left to be opened by itself.
"""

import re
from functools import lru_cache

AMPERSAND = "\x7f"
r"""What stands for an escaped `&`, `\u0026`, as Docker writes it, so that it is one character, and in any text."""

_NO_FIELDS = ("(?P<instant>", "(?P<unitless>")  # which are not read from here
_NEVER = frozenset('"\\') | frozenset(map(chr, range(0x20)))  # as itself in a string of JSON
_ESCAPED = {'"': r"\\\"", "\\": r"\\\\", "\t": r"\\t", "<": r"(?:<|\\u003c)", ">": r"(?:>|\\u003e)", "&": r"[&\x7f]"}
_MEMBER = r"\\x[0-9a-f]{2}|\\[^a-zA-Z0-9]|\\t|[^\]\\]"
_RANGE = re.compile(rf"({_MEMBER})(?:-({_MEMBER}))?", re.DOTALL)
_TOKEN = re.compile(
    rf"(?P<group>\(\?(?::|P<\w+>))|(?P<class>\[\^?(?:{_MEMBER})+\])|(?P<mark>[()|]|[*+?]|\{{[0-9]+(?:,[0-9]*)?\}})"
    rf"|(?P<any>\.)|(?P<literal>\\x[0-9a-f]{{2}}|\\[^a-zA-Z0-9]|\\t|[^\\\[\]^$])",
    re.DOTALL,
)


@lru_cache(maxsize=64)
def in_json(pattern: str) -> str | None:
    """The regex of the escaped text; None where this module does not know what the pattern says.

    In a field, escapes would be part of the value, so there are none.
    """
    made, open_, end = [], list[str](), 0
    while end < len(pattern):
        token = _TOKEN.match(pattern, end)
        if token is None:
            return None
        if token[0].startswith("(?"):
            open_.append(token[0])
        elif token[0] == ")" and open_:
            open_.pop()
        in_field = any(group.startswith("(?P<") and group not in _NO_FIELDS for group in open_)
        text = _in_json(token, in_field=in_field)
        if text is None:
            return None
        made.append(text)
        end = token.end()
    return "".join(made)


def _in_json(token: re.Match[str], *, in_field: bool) -> str | None:
    match token.lastgroup:
        case "class":
            return _class(token["class"], in_field=in_field)
        case "any":
            return _class("[^\n]", in_field=in_field)
        case "literal":
            char = _char(token["literal"])
            if in_field and char in _ESCAPED.keys() | _NEVER and char != "&":
                return None
            if char in _ESCAPED:
                return f"(?:{_ESCAPED[char]})"
            return rf"\\u{ord(char):04x}" if char in _NEVER else token["literal"]
        case _:
            return token[0]


def _char(text: str) -> str:
    if text.startswith("\\x"):
        return chr(int(text.removeprefix("\\x"), base=16))
    return "\t" if text == "\\t" else text[-1]


def _class(text: str, *, in_field: bool) -> str | None:
    negated = text.startswith("[^")
    found = {
        chr(code)
        for first, last in _RANGE.findall(text[1 + negated : -1])
        for code in range(ord(_char(first)), ord(_char(last or first)) + 1)
    }
    found.discard(AMPERSAND)
    found |= {AMPERSAND} if "&" in found else set()
    plain = _class_of(frozenset(found | _NEVER if negated else found - _NEVER), negated=negated)
    escapes = [one for one in '"\\\t' if (one in found) != negated]
    if plain is None or in_field or ('"' not in escapes and negated) or "\t" not in escapes:
        return plain
    also = "|".join(_ESCAPED[one] for one in escapes if '"' in escapes or one == "\t")
    return f"(?:{plain}|{also})"


def _class_of(chars: frozenset[str], *, negated: bool) -> str | None:
    """A class of these characters, as short as it can be; None if there is none."""
    ranges: list[list[int]] = []
    for code in sorted(map(ord, chars)):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    parts = "".join(rf"\x{first:02x}-\x{last:02x}" if first < last else rf"\x{first:02x}" for first, last in ranges)
    return f"[{'^' if negated else ''}{parts}]" if parts else None
