r"""Extracts the bare format string from a server's configuration. Pure.

    log_format main escape=json '$remote_addr [$time_local] "$request" '
                                '$status $body_bytes_sent';
    LogFormat "%h %l %u %t \"%r\" %>s %b" common
    CustomLog /var/log/apache2/access.log "%h %t \"%r\" %>s %b"

What is in quotes there is unquoted, and nginx's pieces are put together.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from exporter.accesslog.formats.strings.settings import setting
from exporter.accesslog.formats.strings.squid import is_squid

_NGINX = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<end>[;{}])
    |'(?P<single>(?:[^'\\]|\\.)*)'
    |"(?P<double>(?:[^"\\]|\\.)*)"
    |(?P<bare>(?:\\.|\$\{\w*\}|[^\s;{}'"\\\#])(?:\\.|\$\{\w*\}|[^\s;{}\\])*)""",
    re.VERBOSE | re.DOTALL,
)
_APACHE = re.compile(r"""\s+|'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>\S+)""", re.DOTALL)
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
USUAL = {"common": "common", "combined": "combined", "vhost_combined": "vhost-combined"}
"""The meaning of these names in Debian's and most other configurations of Apache."""
_CONTROLS = {"t": "\t", "r": "\r", "n": "\n"}
_ONE_VARIABLE = re.compile(r"\$(?:\w+|\{\w+\})|%[!0-9,<>]*(?:\{[^}]*\})?[A-Za-z]")


class Word(NamedTuple):
    """A word of a configuration, unescaped, and the quote that it stood in; none for a bare word."""

    text: str
    quote: str = ""


def nginx_statements(text: str) -> Iterator[list[Word]]:
    """The statements of an nginx.conf, those in blocks too, each as its words. Raises ValueError for an open quote."""
    words: list[Word] = []
    for match in _tokens(_NGINX, text):
        if match["end"]:
            if words:
                yield words
            words = []
        elif (word := _word(match)) is not None:
            words.append(word)
    if words:
        yield words


def apache_statements(text: str) -> Iterator[list[Word]]:
    """The directives of Apache's configuration, each as its words; other lines are skipped."""
    for line in re.sub(r"\\\r?\n", "", text).splitlines():
        if line.lstrip()[:1] in ("", "#", "<"):
            continue
        words = [word for match in _tokens(_APACHE, line.strip()) if (word := _word(match)) is not None]
        if words:
            yield words


def bare_format(text: str) -> str:
    """The format string in text copied from a configuration; any other text unchanged. Raises ValueError."""
    stripped = text.strip()
    directive = stripped.split(None, 1)[0].lower() if stripped else ""
    if directive == "log_format":
        (words, *more) = nginx_statements(stripped)
        if more or len(words) < 3:
            raise ValueError("format: expected one directive, for example log_format main '$remote_addr ... $status';")
        return nginx_format(words)
    if directive in ("logformat", "customlog") and not is_squid(stripped):
        (words, *more) = apache_statements(stripped)
        found = None if more else apache_format(words) or USUAL.get(words[-1].text)
        if found is None:
            raise ValueError(
                f'format: expected one directive with a format string, for example {words[0].text} "%h ..."'
            )
        return found
    if stripped[:1] in ("'", '"'):
        return _unquoted(stripped)
    return text if (found := setting(stripped)) is None else found


def nginx_format(words: list[Word]) -> str:
    """The string of a `log_format` directive."""
    return "".join(word.text for word in words[2:] if word.quote or not word.text.startswith("escape="))


def apache_format(words: list[Word]) -> str | None:
    """The string of a `LogFormat` or `CustomLog` directive; None where it names a format."""
    place = 1 if words[0].text.lower() == "logformat" else 2
    text = words[place].text if len(words) > place else ""
    return text if "%" in text else None


def _unquoted(text: str) -> str:
    """Quoted pieces put together, where the quotes are not part of the lines."""
    try:
        statements = list(nginx_statements(text))
    except ValueError:
        return text
    if len(statements) != 1 or not all(word.quote for word in statements[0]):
        return text
    words = statements[0]
    if all(_ONE_VARIABLE.fullmatch(word.text) for word in words):  # fields in quotes: '$host' '$status'
        return text
    if len(words) > 1 and any(word.quote == '"' for word in words) and '\\"' not in text:
        return text
    return "".join(word.text for word in words)


def _tokens(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None:
            raise ValueError(f"a quote is not closed, or something cannot be read: {text[at : at + 40]!r}")
        yield match
        at = match.end()


def _word(match: re.Match[str]) -> Word | None:
    for group, quote in (("single", "'"), ("double", '"'), ("bare", "")):
        if match[group] is not None:
            return Word(_ESCAPE.sub(lambda escape: _CONTROLS.get(escape[1], escape[1]), match[group]), quote)
    return None
