"""The format strings of nginx (`log_format`) and Apache (`LogFormat`), and the field lists of W3C logs, to parts."""

import re

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import UNITS_NS, Format
from exporter.accesslog.formats.assemble import (
    ANY,
    CLF_INSTANT,
    CODE_VARIABLE,
    EPOCH_INSTANT,
    ISO_INSTANT,
    METHOD,
    REQUEST,
    SIZE_VARIABLE,
    TARGET,
    Part,
    Variable,
    assemble,
)

_SECONDS, _MICROS = (Variable("duration", UNITS_NS[unit]) for unit in ("s", "us"))
_UPSTREAMS = Variable("durations", rank=0)  # only where the request's own time is not logged

NGINX: dict[str, Variable] = {
    "request": REQUEST,
    "request_method": METHOD,
    "request_uri": TARGET,
    "uri": TARGET,
    "document_uri": TARGET,
    "status": CODE_VARIABLE,
    "body_bytes_sent": SIZE_VARIABLE,
    "bytes_sent": SIZE_VARIABLE,
    "request_time": _SECONDS,
    "upstream_response_time": _UPSTREAMS,
    "time_local": CLF_INSTANT,
    "time_iso8601": ISO_INSTANT,
    "msec": EPOCH_INSTANT,
}
_NGINX_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def nginx_parts(text: str, variables: dict[str, Variable] = NGINX) -> list[Part]:
    """`$remote_addr - $remote_user [$time_local] "$request" $status ...` in parts; unknown variables are any text."""
    parts: list[Part] = []
    end = 0
    for match in _NGINX_VARIABLE.finditer(text):
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append(variables.get(match[1] or match[2], ANY))
        end = match.end()
    if text[end:]:
        parts.append(text[end:])
    return parts


APACHE: dict[str, Variable] = {
    "r": REQUEST,
    "m": METHOD,
    "U": TARGET,
    "q": Variable("query"),
    "s": CODE_VARIABLE,
    "b": SIZE_VARIABLE,
    "B": SIZE_VARIABLE,
    "O": Variable("size", rank=0),  # headers included
    "D": _MICROS,
    "T": Variable("duration", rank=0),  # whole seconds
}
_APACHE_DIRECTIVE = re.compile(r"%(?:%|[!0-9,<>]*(?:\{([^}]*)\})?(\^..|[A-Za-z]))")


def apache_parts(text: str) -> list[Part]:
    r"""`%h %l %u %t \"%r\" %>s %b` in parts. Raises ValueError for a `%` that starts no directive."""
    text = text.replace('\\"', '"').replace("\\t", "\t")
    parts: list[Part] = []
    end = 0
    for match in _APACHE_DIRECTIVE.finditer(text):
        _literal(parts, text[end : match.start()])
        end = match.end()
        if match[0] == "%%":
            _literal(parts, "%")
        elif match[2] == "t" and match[1] is None:
            _literal(parts, "[")
            parts.append(CLF_INSTANT)
            _literal(parts, "]")
        else:
            parts.append(_apache_variable(match[2], match[1]))
    _literal(parts, text[end:])
    return parts


def _literal(parts: list[Part], text: str) -> None:
    if not text:
        return
    if parts and isinstance(parts[-1], str):
        parts[-1] += text
    else:
        parts.append(text)


def _apache_variable(letter: str, argument: str | None) -> Variable:
    if letter == "T" and argument in UNITS_NS:
        return Variable("duration", UNITS_NS[argument])
    if letter == "t":
        return EPOCH_INSTANT if argument in ("sec", "msec", "usec") else ANY
    return APACHE.get(letter, ANY) if argument is None else ANY


DIRECTIVE = b"#Fields:"

W3C: dict[str, Variable] = {
    "cs-method": METHOD,
    "cs-uri-stem": TARGET,
    "cs-uri": Variable("target", rank=0),
    "date+time": Variable("split instant", read_instant=instants.iso),
    "sc-status": CODE_VARIABLE,
    "sc-bytes": SIZE_VARIABLE,
}


def w3c_format(name: str, fields: str, *, separator: str = " ", duration_unit_ns: int = UNITS_NS["ms"]) -> Format:
    """The format of a `#Fields:` line's list. IIS logs `time-taken` in ms, CloudFront in seconds. Raises ValueError."""
    parts: list[Part] = []
    words = iter(fields.replace("date time", "date+time").replace("date\ttime", "date+time").split())
    for word in words:
        _literal(parts, separator if parts else "")
        parts.append(Variable("duration", duration_unit_ns) if word == "time-taken" else W3C.get(word, ANY))

    def reshape(directive: bytes) -> Format | None:
        if not directive.startswith(DIRECTIVE):
            return None
        announced = directive.removeprefix(DIRECTIVE).decode("ascii", "replace")
        try:
            return w3c_format(name, announced, separator=separator, duration_unit_ns=duration_unit_ns)
        except ValueError:  # without a status every line fails, until a better list comes
            return Format(name=name, directive=b"#", reshape=reshape)

    return msgspec.structs.replace(assemble(name, parts, more=True), directive=b"#", reshape=reshape)
