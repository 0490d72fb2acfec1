r"""Text for a terminal or a log file, in which nothing from outside acts.

A log line, a file name or a peer's answer may hold bytes that a terminal obeys: sequences that move the cursor or set
the window's title (C0 and C1 controls), and marks that reverse the order of what follows (bidirectional controls).
They are printed as escapes, `\x1b` for one, whether or not a terminal reads them: a file may be printed later.
"""

import os
import re

import click

_BIDI_AND_LINES = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # U+2028 and U+2029 end a line for some readers
_SURROGATES = "\ud800-\udfff"  # bytes of file names that are not UTF-8
_VALUE = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDI_AND_LINES}{_SURROGATES}]")
_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI_AND_LINES}{_SURROGATES}]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(value: object) -> str:
    r"""One value on one line: every control character as `\xNN` or `\uNNNN`; line ends and tabs as `\n`, `\r`, `\t`."""
    return _VALUE.sub(_escape, str(value))


def printable_text(text: str) -> str:
    r"""Lines that we composed: as `printable`, but line feeds and tabs are our own and stay."""
    return _TEXT.sub(_escape, text)


def echo(text: str, *, err: bool = False, nl: bool = True, first_word: str = "") -> None:
    """Print composed lines to standard output, or to standard error (`err`), with a line feed at the end (`nl`).

    `first_word` is the colour of the text's first word, where a terminal reads it and NO_COLOR is not set.
    """
    shown = printable_text(text)
    if first_word and not os.environ.get("NO_COLOR"):
        word, blank, rest = shown.partition(" ")
        shown = click.style(word, fg=first_word, bold=True) + blank + rest
    click.echo(shown, err=err, nl=nl)  # which drops the colour where no terminal reads


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for one byte that was not UTF-8
        code -= 0xDC00
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
