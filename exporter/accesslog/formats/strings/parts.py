"""Splits a format string into the variables that a grammar finds and the literal texts between them."""

import re
from collections.abc import Callable

from exporter.accesslog.formats.strings.variables import Part


def parts_of(
    grammar: re.Pattern[str], text: str, part: Callable[[re.Match[str]], Part], unknown: str = ""
) -> list[Part]:
    """Literal texts and variables in turn; no two texts follow each other.

    Args:
        grammar: matches a variable, or what stands for a literal text, such as `%%`.
        text: the format string.
        part: what a match stands for.
        unknown: the message for a percent sign that begins no match; if empty, such a sign is literal.

    Raises:
        ValueError: such a percent sign, or what `part` raises.
    """
    parts: list[Part] = []
    end = 0
    for match in (*grammar.finditer(text), None):
        literal = text[end : match.start() if match else len(text)]
        if unknown and "%" in literal:
            at = literal.index("%")
            raise ValueError(f"the format has {literal[at : at + 20]!r}, which {unknown}")
        add_part(parts, literal)
        if match:
            add_part(parts, part(match))
            end = match.end()
    return parts


def add_part(parts: list[Part], part: Part) -> None:
    """Append a part; a text goes on the text before it, and an empty one is left out."""
    if isinstance(part, str) and parts and isinstance(parts[-1], str):
        parts[-1] += part
    elif part:
        parts.append(part)
