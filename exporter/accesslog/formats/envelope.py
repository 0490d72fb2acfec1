r"""A line inside a line: the envelopes of container runtimes, syslog and journald around a server's line. Pure.

An envelope is opened before the format sees the line. Each opener takes one line without its line feed, and returns
None for a line that is not in its envelope.
"""

import re
from collections.abc import Callable
from itertools import repeat
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.formats.envelopes.loose import (
    CONSOLE_START,
    TEXT_START,
    open_console,
    open_shipper,
    open_text,
    shipped_lines,
)
from exporter.accesslog.formats.envelopes.opened import COLOUR as _COLOUR
from exporter.accesslog.formats.envelopes.opened import ISO as _ISO
from exporter.accesslog.formats.envelopes.opened import Opened, Opener
from exporter.accesslog.formats.json_lines import decoded

Envelope: TypeAlias = Literal["docker", "cri", "journal", "caddy", "syslog", "console", "shipper", "text"]
Chain: TypeAlias = tuple[Envelope, ...]
"""Envelopes in envelopes, the outermost first; none where lines are in no envelope."""


class _Docker(msgspec.Struct, gc=False):
    """A line of Docker's json-file driver; it may have `attrs` too."""

    log: str
    time: str
    stream: Literal["stdout", "stderr"] = "stdout"


class _Journal(
    msgspec.Struct, gc=False, rename={"message": "MESSAGE", "realtime_us": "__REALTIME_TIMESTAMP"}, kw_only=True
):
    """A line of `journalctl -o json`, with the fields used here. Text that is not UTF-8 is a list of bytes."""

    message: str | list[int] | None
    realtime_us: str = ""
    priority: str | None = msgspec.field(default=None, name="PRIORITY")
    line_break: str | None = msgspec.field(default=None, name="_LINE_BREAK")
    stream_id: str | None = msgspec.field(default=None, name="_STREAM_ID")
    container_id: str | None = msgspec.field(default=None, name="CONTAINER_ID")
    partial: str | None = msgspec.field(default=None, name="CONTAINER_PARTIAL_MESSAGE")


def _first(value: Any) -> Any:
    """A field that a record has several times, or the first of them."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str | list) else value


_docker = msgspec.json.Decoder(_Docker)
_journal = msgspec.json.Decoder(_Journal)
_any_journal = msgspec.json.Decoder(dict[str, Any])
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError)
_ERROR_PRIORITY = "3"  # how Docker's journald driver marks the standard error


def open_docker(line: bytes) -> Opened | None:
    r"""`{"log":"...\n","stream":"stdout","time":"..."}`; the log of a line over 16 KiB comes in parts without `\n`."""
    try:
        record = _docker.decode(line)
        text = record.log.encode()
    except _BROKEN:
        return None
    more = not text.endswith(b"\n")
    inner = _one_line(text if more else text[:-1])
    return Opened(inner, more, record.stream, record.stream == "stderr", record.time.encode())


def open_journal(line: bytes) -> Opened | None:
    """`{"MESSAGE":"...", "__REALTIME_TIMESTAMP":"...", ...}`; the message may be a list of bytes.

    Programs may send a field more than once, which is a list of its values; the first counts.
    """
    try:
        try:
            record = _journal.decode(line)
        except msgspec.ValidationError:
            fields = {name: _first(value) for name, value in _any_journal.decode(line).items()}
            record = msgspec.convert(fields, _Journal)
        message = record.message if record.message is not None else ""
        text = message.encode() if isinstance(message, str) else bytes(message)
    except (*_BROKEN, ValueError):
        return None
    return Opened(
        _one_line(text),
        record.partial == "true" or record.line_break == "line-max",
        record.container_id or record.stream_id or "",
        record.container_id is not None and record.priority == _ERROR_PRIORITY,
        record.realtime_us.encode(),
    )


def _one_line(text: bytes) -> bytes:
    """A record is one line, however many it has inside."""
    return text.replace(b"\n", b" ") if b"\n" in text else text


_CRI = re.compile(rf"({_ISO}) (stdout|stderr) ([FP])(?::[^ ]*)?(?: (.*))?".encode(), re.DOTALL)

# `<PRI>` and the host may be missing. The program's name ends in a colon and a blank, and a host in no colon, or an
# IPv6 address after the name would be taken for both.
_PRIORITY = r"<[0-9]{1,3}>"
_YEAR = "(?: [0-9]{4})?"
_BSD_TIME = rf"[A-Z][a-z]{{2}} [ 0-9][0-9]{_YEAR} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]{{1,9}})?"
_HOST = r'[^\x00-\x20\[\]"{}]*[^\x00-\x20\[\]"{}:]'
_TAG = r'[^\x00-\x20:\[\]<>"{}]+(?:\[[^\x00-\x20\]]*\])?:'
_STAMP = rf"(?:{_PRIORITY})?(?:{_BSD_TIME}|{_ISO})"
_NAMED_STAMP = _STAMP.replace(_ISO, f"(?P<iso>{_ISO})").replace(_YEAR, f"(?P<year>{_YEAR})")
_RFC_3164 = re.compile(rf"{_NAMED_STAMP} (?:(?P<host>{_HOST}) )?{_TAG}(?: (?P<text>.*))?".encode(), re.DOTALL)
# HAProxy's `format short` and Python's SysLogHandler write `<PRI>` alone, the latter perhaps with a name.
_PRIORITY_ALONE = re.compile(rf"{_PRIORITY}(?:{_TAG}(?: |\Z))?(?P<text>.*)".encode(), re.DOTALL)
_HEADER = r"[^\x00-\x20]+"
_DATA = r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+)'
_RFC_5424_START = rf"{_PRIORITY}[1-9][0-9]? (?:-|{_ISO}){rf' {_HEADER}' * 4} "
_BOM = r"\xef\xbb\xbf"
_RFC_5424 = re.compile(
    _RFC_5424_START.replace(_ISO, f"(?P<iso>{_ISO})").encode()
    + rf"{_DATA.replace(')*', ')*+')}(?: (?:{_BOM})?(?P<text>.*))?".encode(),
    re.DOTALL,
)
_CADDY_START = (
    r"[0-9][0-9T:/. Z+-]*"
    rf"\t(?:{_COLOUR})?[A-Za-z]+(?:{_COLOUR})?\t[^\t]*\t[^\t]*\t"
)
_CADDY = re.compile(rf"{_CADDY_START}(\{{.*)".encode(), re.DOTALL)


def open_cri(line: bytes) -> Opened | None:
    """`2026-11-26T05:06:27.669794200Z stdout F text`; after P the line goes on."""
    match = _CRI.fullmatch(line)
    if match is None:
        return None
    instant, stream, tag, text = match.groups()
    return Opened(text or b"", tag == b"P", stream.decode(), stream == b"stderr", instant)


def open_syslog(line: bytes) -> Opened | None:
    """RFC 3164 with or without `<PRI>` and host, also with rsyslog's ISO time, RFC 5424, and `<PRI>` alone."""
    if match := _RFC_3164.fullmatch(line) or _RFC_5424.fullmatch(line):
        return Opened(match["text"] or b"", instant=match["iso"] or b"")
    match = _PRIORITY_ALONE.fullmatch(line)
    return Opened(match["text"]) if match else None


def open_caddy(line: bytes) -> Opened | None:
    """Caddy's console: time, level, logger and message, then JSON, parted by tabs. The time has no zone."""
    match = _CADDY.fullmatch(line)
    return Opened(match[1]) if match else None


OPENERS: dict[Envelope, Opener] = {
    "docker": open_docker,
    "cri": open_cri,
    "journal": open_journal,
    "caddy": open_caddy,
    "syslog": open_syslog,
    "console": open_console,
    "shipper": open_shipper,
    "text": open_text,
}
LOOSE = frozenset[Envelope](("console", "shipper", "text"))
"""Opened only where whole lines are not requests."""

DEEPEST = 3
"""Envelopes in each other at most."""

EnvelopeSetting: TypeAlias = str
"""`auto`, `none`, or the names of a `Chain` with a plus sign between them."""


def chain(setting: EnvelopeSetting) -> Chain:
    """The envelopes that a setting names. Raises ValueError for what is not a setting."""
    names = () if setting in ("auto", "none") else tuple(setting.split("+"))
    known: dict[str, Envelope] = {one: one for one in OPENERS}
    if len(names) > DEEPEST or not set(names) <= known.keys():
        raise ValueError(
            f"invalid envelope {setting!r}: expected auto, none, or at most {DEEPEST} of {', '.join(OPENERS)} with a "
            "plus sign between them, for example docker+syslog"
        )
    return tuple(known[name] for name in names)


def setting_of(chain: Chain) -> EnvelopeSetting:
    """The setting that names these envelopes."""
    return "+".join(chain) or "none"


def open_all(chain: Chain, line: bytes) -> Opened | None:
    """What is in a line's innermost envelope, with the outermost time; None where it is not even in the outermost."""
    found = None
    for envelope in chain:
        inner = OPENERS[envelope](line if found is None else found.text)
        if inner is None:
            break
        before = found or Opened(b"")
        found = inner._replace(
            is_error=inner.is_error or before.is_error, instant=_readable(before.instant) or inner.instant
        )
        if inner.more:
            break
    return found


def _readable(instant: bytes) -> bytes:
    """The instant, if it can be read."""
    try:
        Opened(b"", instant=instant).instant_s()
    except ValueError:
        return b""
    return instant


Lines: TypeAlias = list[bytes] | list[str]


class Usual(NamedTuple):
    """What was in envelopes: lines, and those of the standard error, all of which lack what `end` has."""

    lines: Lines
    errors: Lines
    end: str


def joined(lines: Lines, end: str) -> bytes:
    """The lines as they are in a log."""
    if not lines:
        return b""
    if isinstance(lines[0], str):
        return end.join([*lines, ""]).encode()
    return end.encode().join([*lines, b""])


def _usual_docker(piece: bytes) -> Usual | None:
    try:
        records = decoded(piece, _docker)
    except _BROKEN:
        return None
    if records is None:
        return None
    lines = [record.log for record in records if record.stream == "stdout"]
    errors = [record.log for record in records if record.stream == "stderr"]
    return Usual(lines, errors, "") if _are_whole(lines) and _are_whole(errors) else None


def _are_whole(texts: list[str]) -> bool:
    """Whether each is one line, with its end: the first line feed is the last character of each."""
    return all(texts) and sum(map(str.find, texts, repeat("\n"))) == sum(map(len, texts)) - len(texts)


def _usual_journal(piece: bytes) -> Usual | None:
    try:
        records = decoded(piece, _journal)
    except (*_BROKEN, ValueError):
        return None
    if records is None:
        return None
    parts = {record.partial for record in records} | {record.line_break for record in records}
    if parts & {"true", "line-max"} or any(record.container_id is not None for record in records):
        return None
    texts = [record.message or "" for record in records]
    if any(isinstance(text, list) or "\n" in text for text in texts):
        return None
    return Usual(texts, [], "\n")  # type: ignore[arg-type]  # no list is left


_CRI_LINE = re.compile(rf"^{_ISO} (stdout|stderr) F(?::[^ \n]*)?(?: (.*))?\n".encode(), re.MULTILINE)
_CADDY_LINE = re.compile(rf"^{_CADDY_START}(\{{.*)\n".encode(), re.MULTILINE)
_RFC_3164_LINE = re.compile(rf"^{_STAMP} (?:{_HOST} )?{_TAG}(?: (.*))?\n".encode(), re.MULTILINE)
_CONSOLE_LINE = re.compile(rf"^{CONSOLE_START}(.*)\n".encode(), re.MULTILINE)
_TEXT_LINE = re.compile(rf'^{TEXT_START}(\{{ ?".*\}})[ \t\r]*\n'.encode(), re.MULTILINE)
_RFC_5424_LINE = re.compile(
    rf"^{_RFC_5424_START}{_DATA.replace(')*', ')*+')}(?: (?:{_BOM})?(.*))?\n".encode(), re.MULTILINE
)
# A line that might have a header is left to the opener.
_PRIORITY_LINE = re.compile(
    rf"^{_PRIORITY}(?!(?:[1-9][0-9]? )?(?:-|{_BSD_TIME}|{_ISO}) )(?:{_TAG}(?: |(?=\n)))?(.*)\n".encode(), re.MULTILINE
)


def _usual_cri(piece: bytes) -> Usual | None:
    found = _CRI_LINE.findall(piece)
    if len(found) < piece.count(b"\n"):
        return None
    lines, errors = ([text for one, text in found if one == stream] for stream in (b"stdout", b"stderr"))
    return Usual(lines, errors, "\n")


def _usual_text(*kinds: re.Pattern[bytes]) -> Callable[[bytes], Usual | None]:
    """Opens pieces of which all lines are of one kind."""

    def usual(piece: bytes) -> Usual | None:
        """Texts of a piece whose lines all have the same usual kind; None otherwise."""
        for kind in kinds:
            texts = kind.findall(piece)
            if len(texts) == piece.count(b"\n"):  # each took one line, as each starts where one does
                return Usual(texts, [], "\n")
        return None

    return usual


def _usual_shipper(piece: bytes) -> Usual | None:
    texts = shipped_lines(piece)
    return None if texts is None else Usual(texts, [], "\n")


USUAL: dict[Envelope, Callable[[bytes], Usual | None]] = {
    "docker": _usual_docker,
    "cri": _usual_cri,
    "journal": _usual_journal,
    "caddy": _usual_text(_CADDY_LINE),
    "syslog": _usual_text(_RFC_3164_LINE, _RFC_5424_LINE, _PRIORITY_LINE),
    "console": _usual_text(_CONSOLE_LINE),
    "shipper": _usual_shipper,
    "text": _usual_text(_TEXT_LINE),
}
"""Many lines at once, whole ones: as the openers, but several times as quick. None where a line is not as usual."""


PREFIXES = frozenset[Envelope](("cri", "caddy", "syslog", "console"))
"""Envelopes that are text before a line, which is as it was: one regex reads both."""


def prefix(envelope: Envelope, line: bytes) -> str | None:
    """What precedes all lines that are in the envelope as this one is: a regex in the subset of `Format.pattern`.

    None where that is not known.
    """
    if not line.isascii():
        return None
    if envelope == "cri":
        return rf"{_ISO} stdout F(?::[^ ]*)? "
    if envelope == "caddy":
        return _CADDY_START
    if envelope == "console":
        return CONSOLE_START
    if envelope != "syslog":
        return None
    if match := _RFC_3164.fullmatch(line):
        host = f"{re.escape(match['host'].decode())} " if match["host"] else ""
        stamp = _STAMP.replace(_YEAR, " [0-9]{4}" if match["year"] else "")  # one character after another decides
        return f"{stamp} {host}{_TAG} "
    return f"{_RFC_5424_START}{_DATA} " if _RFC_5424.fullmatch(line) else None
