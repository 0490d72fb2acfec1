"""Grok patterns, `%{WORD:user}`: names of regexes that become named groups.

The names are those of Logstash; the regexes are Tidewatch's, of printable ASCII and without lookaround.
"""

import re

_INT = r"[+-]?[0-9]+"
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_IPV4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_IPV6 = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.[0-9]{1,3}){0,3}(?:%[0-9A-Za-z]+)?"
_HOSTNAME = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,62})(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*\.?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_TIME = r"[0-2]?[0-9]:[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]+)?)?"
_PATH = r"/[^\s?#]*"

PATTERNS = {
    "BASE10NUM": _NUMBER,
    "DATA": r".*?",
    "EMAILADDRESS": rf"[0-9A-Za-z.!#$%&'*+/=?^_`|~-]+@{_HOSTNAME}",
    "GREEDYDATA": r".*",
    "HOSTNAME": _HOSTNAME,
    "HTTPDATE": rf"[0-9]{{1,2}}/{_MONTH}/[0-9]{{4}}:{_TIME} [+-][0-9]{{4}}",
    "INT": _INT,
    "IP": rf"(?:{_IPV4}|{_IPV6})",
    "IPORHOST": rf"(?:{_IPV4}|{_IPV6}|{_HOSTNAME})",
    "IPV4": _IPV4,
    "IPV6": _IPV6,
    "LOGLEVEL": (
        r"(?i:trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe"
        r"|emerg(?:ency)?|alert)"
    ),
    "MAC": r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}",
    "MONTH": _MONTH,
    "MONTHDAY": r"[0-3]?[0-9]",
    "NONNEGINT": r"[0-9]+",
    "NOTSPACE": r"\S+",
    "NUMBER": _NUMBER,
    "PATH": _PATH,
    "POSINT": r"[1-9][0-9]*",
    "PROG": r"[\x21-\x5a\x5c\x5e-\x7e]+",
    "QS": r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')",
    "QUOTEDSTRING": r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')",
    "SPACE": r"\s*",
    "SYSLOGTIMESTAMP": rf"{_MONTH} +[0-9]{{1,2}} {_TIME}",
    "TIME": _TIME,
    "TIMESTAMP_ISO8601": rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_TIME}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?",
    "URI": r"[A-Za-z][0-9A-Za-z+.-]*://\S+",
    "URIPATH": _PATH,
    "URIPATHPARAM": rf"{_PATH}(?:\?\S*)?",
    "USER": r"[0-9A-Za-z._@-]+",
    "USERNAME": r"[0-9A-Za-z._@-]+",
    "UUID": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "WORD": r"\b\w+\b",
    "YEAR": r"[0-9]{4}",
}

_REFERENCE = re.compile(r"%\{([A-Z][A-Z0-9_]*)(?::([A-Za-z_][A-Za-z0-9_]*))?(?::(?:int|float|string))?\}")
_DEEPEST = 10
_MOST_CHARS = 100_000
"""Maximum length of a regex: nested patterns grow exponentially, and so does the time to compile them."""


def is_grok(text: str, own: dict[str, str]) -> bool:
    """Whether the text has a grok pattern: a known one, or one that gives a field, unlike Apache's directives."""
    return any(found[2] or found[1] in PATTERNS or found[1] in own for found in _REFERENCE.finditer(text))


def expanded(text: str, own: dict[str, str]) -> str:
    """The text as a regex. `own`: patterns by name, which go before ours.

    Raises ValueError for an unknown name, and for a pattern that is made of itself or becomes too long.
    """
    return _expanded(text, {**PATTERNS, **own}, _DEEPEST)


def _expanded(text: str, known: dict[str, str], depth: int) -> str:
    def regex(found: re.Match[str]) -> str:
        """The regex for one reference to a pattern. Raises ValueError."""
        name, field = found[1], found[2]
        if name not in known:
            raise ValueError(f"format: the grok pattern {name} is not known; define it in patterns:")
        if not depth:
            raise ValueError(f"format: the grok pattern {name} refers to itself")
        inner = _expanded(known[name], known, depth - 1)
        if len(inner) > _MOST_CHARS:
            raise ValueError(f"format: the grok pattern {name} is longer than {_MOST_CHARS:,} characters as a regex")
        return f"(?P<{field}>{inner})" if field else f"(?:{inner})"

    return _REFERENCE.sub(regex, text)
