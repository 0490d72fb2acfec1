"""Times in forms that servers let users set: strftime's (Apache, Squid, Envoy), and Java's (Tomcat, Jetty)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from exporter.accesslog.formats.strings.variables import Variable

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WHOLE = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "R": "%H:%M", "D": "%m/%d/%y"}
_PARTS = {  # the regex of each, of ASCII alone
    **dict.fromkeys("dHIMS", "[0-9]{2}"),
    "m": "[0-9]{2}",
    "e": "[ 0-9][0-9]",
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "b": "[A-Z][a-z]{2}",
    "p": "[AP]M",
    "s": "[0-9]{9,11}",
    "z": "(?:Z|[+-][0-9]{2}:?[0-9]{2})",
    "a": "[A-Z][a-z]{2}",
    "Z": "[A-Z]{1,5}",
    "f": "[0-9]{1,9}",
}
_SAME = {"h": "b"}
_DIRECTIVE = re.compile(r"%(?:[EO_^-])?([1-9]?)([A-Za-z%])")
_JAVA = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_JAVA_WORDS = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MM": "%m",
    "MMM": "%b",
    "dd": "%d",
    "d": "%e",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "hh": "%I",
    "a": "%p",
    "EEE": "%a",
    "z": "%Z",
    "Z": "%z",
    **{"X" * letters: "%z" for letters in (1, 2, 3)},  # +01, +0100, +01:00
    **{"S" * digits: f"%{digits}f" for digits in (1, 2, 3, 6, 9)},
}


def strftime_instant(form: str) -> Variable | None:
    """The instant that strftime writes in this form, Envoy's `%3f` too; None where a part of it is not supported.

    It is in UTC where the form has no zone.
    """
    pieces, end = list[tuple[str, str]](), 0
    for whole, expanded in _WHOLE.items():
        form = form.replace(f"%{whole}", expanded)
    for match in _DIRECTIVE.finditer(form):
        pieces.append(("", form[end : match.start()]))
        end = match.end()
        letter = _SAME.get(match[2], match[2])
        if letter == "%":
            pieces.append(("", "%"))
        elif letter in _PARTS:
            pieces.append((letter, f"[0-9]{{{match[1]}}}" if letter == "f" and match[1] else _PARTS[letter]))
        else:
            return None
    pieces.append(("", form[end:]))
    letters = [letter for letter, _ in pieces if letter]
    if not _is_whole(letters) or "%" in pieces[-1][1] or not form.isascii():
        return None
    return Variable("instant", read_instant=_reader(pieces), regex=_regex(pieces))


def java_instant(form: str) -> Variable | None:
    """The instant in a form of Java's SimpleDateFormat, also in Jetty's brackets: `yyyy-MM-dd'T'HH:mm:ss.SSSZ|UTC`."""
    form, text = form.partition("|")[0], ""
    for match in _JAVA.finditer(form):
        if match[1] is not None:
            text += match[1].replace("''", "'") or "'"
        elif match[2]:
            if match[0] not in _JAVA_WORDS:
                return None
            text += _JAVA_WORDS[match[0]]
        else:
            text += match[0].replace("%", "%%")
    found = strftime_instant(text)
    if found is None:
        return None
    read = found.read_instant
    return found._replace(regex=rf"\[?{found.regex}\]?", read_instant=lambda text: read(text.strip(b"[]")))


def _is_whole(letters: list[str]) -> bool:
    """Whether the parts make a moment, each exactly once."""
    if len(letters) != len(set(letters)):
        return False
    days = {"Y", "y"} & {*letters} and {"m", "b"} & {*letters} and {"d", "e"} & {*letters}
    hours = "H" in letters or {"I", "p"} <= {*letters}
    return "s" in letters or bool(days and hours and "M" in letters)


def _regex(pieces: list[tuple[str, str]]) -> str:
    return "".join(text if letter else re.escape(text) for letter, text in pieces)


def _reader(pieces: list[tuple[str, str]]) -> Callable[[bytes], float]:
    pattern = re.compile("".join(f"(?P<{letter}>{text})" if letter else re.escape(text) for letter, text in pieces))

    @lru_cache(maxsize=16)  # lines of the same second are together
    def read(text: bytes) -> float:
        """Unix time of a text. Raises ValueError where it does not have the form."""
        match = pattern.fullmatch(text.decode("ascii", "replace"))
        if match is None:
            raise ValueError(f"{text!r} is not a time of the format's form")
        return _instant_s(match.groupdict())

    return read


def _instant_s(parts: dict[str, str]) -> float:
    """Unix seconds. Raises ValueError for what is not a moment."""
    fraction_s = float(f"0.{parts.get('f', '0')}")
    if "s" in parts:
        return int(parts["s"]) + fraction_s
    year = int(parts["Y"]) if "Y" in parts else 2000 + int(parts["y"])
    month = _MONTHS.index(parts["b"]) + 1 if "b" in parts else int(parts["m"])
    hour = int(parts["H"]) if "H" in parts else int(parts["I"]) % 12 + 12 * (parts["p"] == "PM")
    day, minute, second = int(parts.get("d") or parts["e"]), int(parts["M"]), int(parts.get("S", "0"))
    leap_s = 1 if second == 60 else 0
    moment = datetime(year, month, day, hour, minute, second - leap_s, tzinfo=UTC)
    return moment.timestamp() + leap_s + fraction_s - _offset_s(parts.get("z", "Z"))


def _offset_s(text: str) -> int:
    if text == "Z":
        return 0
    digits = text.replace(":", "")
    return (int(digits[1:3]) * 3600 + int(digits[3:5]) * 60) * (-1 if digits[0] == "-" else 1)
