"""HAProxy's `log-format` strings, and the lines of its `option httplog`, which is one of them.

HAProxy writes several blanks as one, so the blank before an empty field is missing. A client's control bytes,
quotes and `#` are written as `#XX`, and times that were not reached as -1. With `option logasap` the bytes and the
whole time have a `+`: they were counted before the answer had ended.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Fields, Format, InstantReader, no_instant, regex_format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.groups import marked
from exporter.accesslog.formats.strings.regexes import CODE
from foundation.errors import BadRecord

HTTPLOG = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
HTTPLOG_CLF = (
    '%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq'
    " %CC %CS %hrl %hsl"
)

_DIRECTIVE = re.compile(
    r"%(?:%|(?:\{(?P<flags>[^}]*)\})?(?:\([^)]*\))?(?:\[(?P<fetch>(?:[^\[\]]|\[[^\]]*\])*)\]|(?P<name>[A-Za-z][A-Za-z0-9]*)))"
)
_NUMBERS = frozenset(
    "B U ac bc fc sc rc sq bq cp fp bp sp lc rt ms pid Tc Td Th Ti Tq TR Tr Ta Tt Tu Tw Ts ST".split()  # noqa: SIM905
)
_ADDRESSES = frozenset(("ci", "fi", "bi", "si"))
_CAPTURES = frozenset(("hr", "hs", "hrl", "hsl"))
_TEXTS = frozenset(
    "f ft b s H HM HP HPO HQ HU HV ID CC CS ts tsc sslc sslv r t tr T Tl trg trl o".split()  # noqa: SIM905
)
_NAMES = _NUMBERS | _ADDRESSES | _CAPTURES | _TEXTS
_FLAGS = re.compile(r"[-+][A-Za-z]+")
_FETCHES = {  # samples that say the same as a name
    "status": "ST",
    "method": "HM",
    "capture.req.method": "HM",
    "path": "HP",
    "pathq": "HU",
    "url": "HU",
    "capture.req.uri": "HU",
    "txn.status": "ST",
    "bytes_out": "B",
    "txn.timer.total": "Ta",
    "txn.timer.user": "Tu",
    "fc.timer.total": "Tt",
    "res.timer.hdr": "Tr",
}
_SAME_TEXT = re.compile(r"(?:,\s*(?:lower|json(?:\([^)]*\))?))*\s*\Z")
"""Converters that leave a path what it is."""
_ROLES = {"ST": "code", "B": "size", "HM": "method", "HU": "target", "HP": "target", "HPO": "target", "r": "request"}
_TIMES = ("Ta", "Tt", "Tu", "Tr")
"""What may be the whole time, the best first: active, with the idle time before, as the client saw it, the server's."""


def _local(text: bytes) -> float:
    """`26/Nov/2026:05:10:15.865`, whose zone is not written; read as UTC. Raises ValueError."""
    return instants.clf(text.partition(b".")[0] + b" +0000")


_INSTANTS: dict[str, InstantReader] = {
    "tr": _local,
    "t": _local,
    **dict.fromkeys(("T", "Tl", "trg", "trl"), instants.clf),
    "Ts": instants.epoch,
}


_BARE = frozenset((*_INSTANTS, "ts", "tsc"))
"""Texts that never have quotes around them."""


class _Piece(NamedTuple):
    """A literal text, or a field: its name, and whether HAProxy puts quotes around it."""

    literal: str = ""
    name: str = ""
    quoted: bool = False


def unknown_directives(text: str) -> list[str]:
    """Directives with a percent sign that HAProxy does not have."""
    found = {match.start(): match for match in _DIRECTIVE.finditer(text)}
    return [match[0] for match in found.values() if not _is_known(match)] + [
        text[at : at + 3] for at in _percents(text) if not any(m.start() <= at < m.end() for m in found.values())
    ]


def _percents(text: str) -> Iterator[int]:
    return (match.start() for match in re.finditer("%", text))


def _is_known(match: re.Match[str]) -> bool:
    flags = match["flags"] or ""
    return all(_FLAGS.fullmatch(flag) for flag in flags.split(",") if flag) and (
        match[0] == "%%" or match["fetch"] is not None or match["name"] in _NAMES
    )


def telling_directives(text: str) -> list[str]:
    """The names of more than one letter, which to Apache would be a directive with a letter behind it."""
    return [match[0] for match in _DIRECTIVE.finditer(text) if match["name"] and len(match["name"]) > 1]


def haproxy_format(name: str, text: str, *, more: bool = False) -> Format:
    """The format of a `log-format` string; `more`: fields may follow. Raises ValueError."""
    if "+json" in text or "+cbor" in text:
        raise ValueError(
            "the format makes HAProxy write JSON or CBOR; JSON can be read with format json and fields, CBOR cannot"
        )
    pieces = list(_pieces(re.sub(r'\\([ "\[\]\\#])', r"\1", text)))
    roles = _roles(pieces)
    if "code" not in roles.values():
        raise ValueError("the format has no status code (HAProxy's %ST), without which there is nothing to count by")
    end = "(?: .*)?" if more else " ?"  # a blank stays where the last field is empty
    usual, cut, opaque = (
        "".join(_regexes(pieces, roles, escaped=escaped, split=split)) + end
        for escaped, split in ((False, True), (True, True), (True, False))
    )
    at = next((piece.name for piece in pieces if piece.name in _INSTANTS), None)
    made = regex_format(
        name,
        usual,
        tuple(dict.fromkeys((cut, opaque))),
        duration_unit_ns=UNITS_NS["ms"],
        read_instant=_INSTANTS[at] if at else no_instant,
    )

    def second_look(line: bytes) -> Fields | None:
        """Fields of a line, with the escapes of its target decoded. Raises BadRecord."""
        fields = made.second_look(line)
        return fields and fields._replace(target=_ESCAPE.sub(_byte, fields.target))

    return msgspec.structs.replace(made, second_look=second_look)


_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode())


def _pieces(text: str) -> Iterator[_Piece]:
    end, all_quoted = 0, False
    for match in _DIRECTIVE.finditer(text):
        if match.start() > end:
            yield _Piece(literal=text[end : match.start()])
        end = match.end()
        flags = (match["flags"] or "").split(",")
        quoted = (all_quoted or "+Q" in flags) and "-Q" not in flags
        if match["name"] == "o":  # its flags hold for all that follows
            all_quoted = quoted
            end += text.startswith(" ", end)
        elif match[0] == "%%":
            yield _Piece(literal="%")
        else:
            name = match["name"] or _FETCHES.get(_SAME_TEXT.sub("", (match["fetch"] or "").strip()), "fetch")
            yield _Piece(name=name, quoted=quoted and name not in _NUMBERS and name not in _BARE)
    if text[end:]:
        yield _Piece(literal=text[end:])


def _roles(pieces: Sequence[_Piece]) -> dict[int, str]:
    """Which piece gives which field: the first of each; of the times, that of the whole request."""
    roles: dict[int, str] = {}
    for i, piece in enumerate(pieces):
        role = _ROLES.get(piece.name)
        taken = roles.values() if role != "request" else {"method", "target"} & {*roles.values()}
        if role and role not in taken and not (role in ("method", "target") and "request" in roles.values()):
            roles[i] = role
    times = [_TIMES.index(piece.name) for piece in pieces if piece.name in _TIMES]
    if times:
        roles[next(i for i, piece in enumerate(pieces) if piece.name == _TIMES[min(times)])] = "duration"
    instant = next((i for i, piece in enumerate(pieces) if piece.name in _INSTANTS), None)
    return roles | ({instant: "instant"} if instant is not None else {})


def _regexes(pieces: Sequence[_Piece], roles: dict[int, str], *, escaped: bool, split: bool) -> Iterator[str]:
    """One regex a piece.

    Args:
        pieces: of the format.
        roles: which of them give fields.
        escaped: targets may have escapes, and a line may end in the middle of its request.
        split: a request is a method and a target.
    """
    for i, piece in enumerate(pieces):
        after = pieces[i + 1] if i + 1 < len(pieces) else _Piece()
        if piece.literal:
            text = re.escape(piece.literal.removesuffix(" ") if after.name in _CAPTURES else piece.literal)
            yield f"{text}?" if escaped and i == len(pieces) - 1 and piece.literal == '"' else text
        elif piece.name in _CAPTURES:
            one = '"[^"]*"' if piece.quoted or piece.name.endswith("l") else r"\{[^}]*\}"
            yield f"(?: ?{one}){'*' if piece.name.endswith('l') else '?'}"
        elif piece.name == "HQ" and not piece.quoted and roles.get(i - 1) == "target":
            continue  # its target's regex takes it
        else:
            regex = _quoted(piece, roles.get(i, ""), _stop(piece, after), escaped=escaped, split=split)
            yield regex if piece.quoted else marked(_field(pieces, i), regex)


_FIELDS = {
    "ci": "remote_addr",
    "cp": "remote_port",
    "ft": "frontend",
    "f": "frontend",
    "b": "backend",
    "s": "server",
    "si": "server_addr",
    "sp": "server_port",
    "tsc": "termination_state",
    "ts": "termination_state",
    "TR": "time_request",
    "Tw": "time_queue",
    "Tc": "time_connect",
    "Tr": "time_response",
    "Ta": "time_active",
    "Tt": "time_total",
    "H": "hostname",
    "HV": "protocol",
    "ID": "unique_id",
    "sslv": "ssl_version",
}


def _field(pieces: Sequence[_Piece], i: int) -> str:
    """What a piece's field is called: by its first piece, where it is there twice."""
    name = pieces[i].name
    first = next(at for at, piece in enumerate(pieces) if piece.name == name)
    return _FIELDS.get(name, "") if first == i else ""


def _stop(piece: _Piece, after: _Piece) -> str:
    """The character before which a field ends; none at the line's end. Raises ValueError where nothing parts two."""
    if piece.quoted:
        return '"'
    if not after.name or after.name == "HQ":
        return after.literal[:1] or ("?" if after.name else "")
    if after.name in _CAPTURES:
        return " "
    if piece.name in _NUMBERS and after.name not in _NUMBERS:
        return ""
    raise ValueError(
        f"the format has %{piece.name}%{after.name} without anything between them, so they cannot be separated; "
        "put a blank between them in HAProxy's configuration"
    )


def _quoted(piece: _Piece, role: str, stop: str, *, escaped: bool, split: bool) -> str:
    inner = _regex(piece, role, stop, escaped=escaped, split=split)
    if not piece.quoted:
        return inner
    return f'"{inner}"{"?" if escaped and role == "request" else ""}' if role else f'(?:"{inner}"|-|)'


def _regex(piece: _Piece, role: str, stop: str, *, escaped: bool, split: bool) -> str:
    text = f"[^{re.escape(stop)}]*" if stop else ".*"
    bars = re.escape(stop) + ("" if escaped else "#")
    match role:
        case "code":
            return CODE
        case "size":
            return r"\+?(?P<size>[0-9]{1,15}|-)"
        case "duration":
            return r"\+?(?P<duration>[0-9]{1,12}|)(?:-1?)?"
        case "instant":
            return f"(?P<instant>{text})"
        case "method" if split:
            return f"(?P<method>[^{bars} <]*)"
        case "target" if split:  # not <BADREQ>
            return rf"(?P<target>(?:[^{bars} ?<][^{bars} ?]*)?)(?:\?[^{re.escape(stop)} ]*)?"
        case "request" if split:
            return rf'(?P<method>[^ "<]+) (?P<target>[^ ?"{bars}]*)(?:\?[^ "]*)?(?: [^ "]*)?'
        case "request":
            return '[^"]*'
        case _ if piece.name in _NUMBERS:
            return "(?:[-+]?[0-9]+|-)"
        case _ if piece.name in _ADDRESSES:
            return "[^ ]*" if stop == ":" else text  # IPv6 has colons too
        case _:
            return text


_TCPLOG = re.compile(rb"[^ ]+ \[[^\]]+\] [^ ]+ [^ ]+/[^ ]+ [-+0-9]+/[-+0-9]+/[-+0-9]+ \+?[0-9]+ [A-Za-z-]{2} .*")
_CONNECTION = re.compile(rb"Connect from [^ ]+ to .*")
_MESSAGES = re.compile(
    rb"(?:Proxy|Server|Backup Server|Health check|[Bb]ackend|Starting|Stopping|Pausing|Resuming|Loading|New worker) .*"
    rb"|\[(?:NOTICE|WARNING|ALERT|DIAG)\] .*|[^ ]+ \[[^\]]+\] [^ ]+/[^ ]+: .*",
    re.DOTALL,
)


_HEADER = re.compile(rb"\A(?:<[0-9]{1,3}>)?[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} (?:[^ ]+ )?haproxy\[[0-9]+\]: ")
"""Of syslog, which `log stdout local0` writes too, so that in a container it is inside of another envelope."""


def httplog_format(name: str) -> Format:
    """`option httplog`, and `option httpslog`, which has more at the end."""
    return _among_messages(haproxy_format(name, HTTPLOG, more=True))


def _among_messages(made: Format) -> Format:
    """The format of HAProxy's lines, among its other messages and behind a header of syslog."""

    def choose(format_: Format, more: tuple[str, ...]) -> Format:
        """The format with the fields `more` beside the five."""
        assert made.choose is not None
        found = _among_messages(made.choose(made, more))
        return msgspec.structs.replace(format_, pattern=found.pattern, second_look=found.second_look, more=more)

    def second_look(line: bytes) -> Fields | None:
        """Fields of a line; None for another message of the program. Raises BadRecord."""
        line = _HEADER.sub(b"", line, count=1)
        try:
            return made.second_look(line)
        except BadRecord:
            if _MESSAGES.fullmatch(line):
                return None
            if reason := without_codes(line):
                raise BadRecord("format", reason) from None
            raise

    def read_instant_s(line: bytes) -> float:
        """Unix time of a line, after its syslog header. Raises ValueError."""
        return made.read_instant_s(_HEADER.sub(b"", line, count=1))

    return msgspec.structs.replace(made, second_look=second_look, read_instant_s=read_instant_s, choose=choose)


def without_codes(line: bytes) -> str | None:
    """Why a line of another log of HAProxy has no request; None if it is not from such a log."""
    if _TCPLOG.fullmatch(line):
        return "this is HAProxy's tcplog, which has no status codes; set `option httplog` in HAProxy"
    if _CONNECTION.fullmatch(line):
        return "this is HAProxy's default log, which has no status codes; set `option httplog` in HAProxy"
    return None
