"""Names on a page as templates: `{code:d}s` finds `200s` and knows that code is 200. Pure.

A template is no regular expression, so no page can make it slow: `{name}` stands for any text that is not empty,
`{name:d}` for decimal digits.
"""

import re
from functools import lru_cache
from typing import NamedTuple

MAX_PLACEHOLDERS = 4  # in one template; each multiplies the ways that a text may be cut
MAX_TEXT = 200  # characters of a name that are looked at
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(:d)?\}")


class Template(NamedTuple):
    """A template ready to match."""

    labels: tuple[str, ...]
    pattern: re.Pattern[str]

    def match(self, text: str) -> dict[str, str] | None:
        """The values of the placeholders, or None where `text` is something else."""
        found = self.pattern.fullmatch(text) if len(text) <= MAX_TEXT else None
        return found.groupdict() if found else None


@lru_cache(maxsize=4096)
def compile_template(text: str) -> Template:
    """Read a template. Raises ValueError with a text for the user."""
    parts, end, labels = [], 0, []
    for placeholder in _PLACEHOLDER.finditer(text):
        name, digits = placeholder[1], placeholder[2]
        parts.append(_literal(text[end : placeholder.start()], text))
        parts.append(f"(?P<{name}>{'[0-9]+' if digits else '.+?'})")
        labels.append(name)
        end = placeholder.end()
    parts.append(_literal(text[end:], text))
    if len(set(labels)) < len(labels):
        raise ValueError(f"{text!r} has a duplicate placeholder")
    if len(labels) > MAX_PLACEHOLDERS:
        raise ValueError(f"{text!r} has more than {MAX_PLACEHOLDERS} placeholders")
    return Template(tuple(labels), re.compile("".join(parts), re.DOTALL))


def _literal(part: str, whole: str) -> str:
    if "{" in part or "}" in part:
        raise ValueError(
            f"{whole!r} is not a template: expected {{code}} or {{code:d}} for each part that becomes a label"
        )
    return re.escape(part)


@lru_cache(maxsize=4096)
def compile_pointer(text: str) -> tuple[Template, ...]:
    """A JSON pointer (RFC 6901) whose steps may be templates: `/pools/{pool}/size`. Raises ValueError."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not a JSON pointer: expected, for example, /queue/length")
    steps = tuple(compile_template(step.replace("~1", "/").replace("~0", "~")) for step in text[1:].split("/"))
    labels = [label for step in steps for label in step.labels]
    if len(set(labels)) < len(labels) or len(labels) > MAX_PLACEHOLDERS:
        raise ValueError(f"{text!r} has a duplicate placeholder, or more than {MAX_PLACEHOLDERS} of them")
    return steps
