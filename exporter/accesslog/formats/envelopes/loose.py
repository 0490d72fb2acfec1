r"""Envelopes that are less certain than those of container runtimes and syslog: many lines look like them. Pure.

    web-1  | LINE        [pod/web-5d9/nginx] LINE        2026-11-26T05:06:27.669794200Z LINE      console
    {"log":"LINE","kubernetes":{...}}       {"@timestamp":"...","message":"LINE","agent":{...}}   shipper
    2026-11-26 05:06:27,669 [main] INFO access - {"method":"GET",...}                             text

They are opened only where the whole line is not a request.
"""

import re
from typing import Any

import msgspec

from exporter.accesslog.formats.envelopes.opened import COLOUR, ISO, Opened
from exporter.accesslog.formats.json_lines import decoded

_NAME = r"(?:\[[^\x00-\x20\[\]]+\]|[A-Za-z0-9][A-Za-z0-9_.-]* *\|)"
# A colour belongs to the name only after a coloured name: a line may begin with a colour itself.
CONSOLE_START = rf"(?:{COLOUR}{_NAME}(?:{COLOUR})? (?:{COLOUR})?|{_NAME} |{ISO} )"
_CONSOLE = re.compile(rf"({CONSOLE_START})(.*)".encode(), re.DOTALL)
_TIME = re.compile(ISO.encode())


def open_console(line: bytes) -> Opened | None:
    """What `kubectl logs`, `docker logs` and `docker compose logs` put before a line: a name, or a time.

    Where they put both there, the line is in two.
    """
    match = _CONSOLE.fullmatch(line)
    if match is None:
        return None
    instant = _TIME.search(match[1])
    return Opened(match[2], instant=instant[0] if instant else b"")


class _Shipped(msgspec.Struct, gc=False, rename={"at_timestamp": "@timestamp", "at_message": "@message"}):
    """A line as log shippers write it, with the fields used here; the line is under the first of these names."""

    log: Any = None
    message: Any = None
    at_message: Any = None
    msg: Any = None
    MESSAGE: Any = None
    text_payload: Any = msgspec.field(default=None, name="textPayload")
    short_message: Any = None
    line: Any = None
    at_timestamp: Any = None
    timestamp: Any = None
    time: Any = None
    date: Any = None
    stream: Any = None
    logtag: Any = None  # of CRI, as Fluent Bit passes it on


_shipped = msgspec.json.Decoder(_Shipped)
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError)


def open_shipper(line: bytes) -> Opened | None:
    """JSON of Fluent Bit, Filebeat, Vector, Cloud Logging or Graylog, in which the line is one of the texts."""
    try:
        found = _shipped.decode(line)
        text = _text(found)
        if text is None:
            return None
        inner = text.removesuffix("\n").replace("\n", " ").encode()
    except _BROKEN:
        return None
    times = (found.at_timestamp, found.timestamp, found.time, found.date)
    instant = next((str(one) for one in times if isinstance(one, str | int | float)), "")
    stream = found.stream if isinstance(found.stream, str) else ""
    return Opened(inner, found.logtag == "P", stream, stream == "stderr", instant.encode("ascii", "replace"))


def shipped_lines(piece: bytes) -> list[str] | None:
    """What is in many lines at once; None where one is not whole, is an error, or has line feeds inside."""
    try:
        records = decoded(piece, _shipped)
    except _BROKEN:
        return None
    if records is None:
        return None
    texts = [(_text(one) or "\n\n").removesuffix("\n") for one in records]
    if any("\n" in text for text in texts) or any(one.logtag == "P" or one.stream == "stderr" for one in records):
        return None
    return texts


def _text(found: _Shipped) -> str | None:
    if isinstance(found.log, str) and found.log:
        return found.log
    texts = (found.log, found.message, found.at_message, found.msg, found.MESSAGE, found.text_payload)
    some = [one for one in (*texts, found.short_message, found.line) if isinstance(one, str)]
    return next(filter(None, some), some[0] if some else None)


_OBJECT = re.compile(rb'[ \t:|=>]\{ ?"')


def open_text(line: bytes) -> Opened | None:
    """A JSON object behind any other text, up to the line's end."""
    end = line.rstrip()
    if not end.endswith(b"}") or (match := _OBJECT.search(end)) is None:
        return None
    start, text = end[: match.start()], end[match.start() + 1 :]
    instant = _TIME.match(start)
    return Opened(text, instant=instant[0] if instant else b"")


TEXT_START = r"[^{\n]*[ \t:|=>]"
"""Before the object in usual lines, which have no brace before it."""
