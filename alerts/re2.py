"""Regexes as Prometheus takes them: those of RE2, which lacks some of what Python's `re` has. Pure."""

import re
import warnings

_PIECE = re.compile(
    r"""(?P<lacking>\(\?(?:<?[=!]|P=|[>(\#]|[a-zA-Z]*[aLux])|\\[1-9ZuUN]|[*+?}]\+|\{\d*,?\d{4,})
    |\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.""",
    re.VERBOSE | re.DOTALL,
)
"""A regex in pieces, among them what Python's `re` takes and RE2 refuses: lookaround, references, atomic and possessive
groups, comments, flags that it does not know, more than 1000 repetitions."""


def check_regex(text: str) -> None:
    """Raises ValueError, its text for the user, where Prometheus would refuse `text`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # [[:alpha:]] is a class of classes to RE2 alone
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise invalid_regex(text, str(exc)) from exc
    for match in _PIECE.finditer(text):
        if match["lacking"]:
            raise invalid_regex(text, f"RE2 has no {match['lacking']}")


def invalid_regex(text: str, reason: str) -> ValueError:
    """The error that says why `text` is refused, and what would be right."""
    return ValueError(
        f"invalid regex {text!r}: {reason}; expected a regex as Prometheus takes it, for example shop|api-.+"
    )
