r"""Matching a text of the configuration: literally, or as a regex if it has signs of one.

A dot alone does not make a regex: `example.org` and `10.0.0.1` are literal. A regex is searched for: `^` and `$` bind
it to the ends.
"""

import re
from collections.abc import Callable

from exporter.regexes.texts import is_regex


def compiled(text: str, where: str) -> re.Pattern[str]:
    """The regex. Raises ValueError with its place and the reason why it does not compile."""
    try:
        return re.compile(text)
    except re.error as exc:
        raise ValueError(f"{where}: the regex {text!r} does not compile: {exc}") from exc


def check_replace(regex: re.Pattern[str], replace: str | None, where: str) -> None:
    """Raises ValueError for groups that the regex does not have."""
    try:
        regex.sub(replace or "", "")
    except (re.error, IndexError) as exc:
        raise ValueError(f"{where}: replace {replace!r}: {exc}") from exc


def matcher(texts: tuple[str, ...], where: str) -> Callable[[str], bool]:
    """Whether a value is one of the texts, or one of the regexes is found in it. Raises as `compiled`."""
    exact = frozenset(text for text in texts if not is_regex(text))
    searches = [compiled(text, where).search for text in texts if is_regex(text)]
    if not searches:
        return exact.__contains__
    return lambda value: value in exact or any(search(value) for search in searches)


def groups(texts: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The names of the groups of the regexes. Raises as `compiled`."""
    found = [name for text in texts if is_regex(text) for name in compiled(text, where).groupindex]
    return tuple(dict.fromkeys(found))
