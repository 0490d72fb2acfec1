"""The format strings of nginx (`log_format`) and Apache (`LogFormat`), and the field lists of W3C logs, to parts."""

import re

import msgspec

from exporter.accesslog.formats import stamps
from exporter.accesslog.formats._model import UNITS_NS, Format
from exporter.accesslog.formats.assemble import (
    ANY,
    BYTES_VARIABLE,
    CLF_STAMP,
    CODE_VARIABLE,
    EPOCH_STAMP,
    ISO_STAMP,
    METHOD,
    REQUEST,
    TARGET,
    Part,
    Variable,
    assemble,
)

_SECONDS, _MILLIS, _MICROS = (Variable("time", UNITS_NS[unit]) for unit in ("s", "ms", "us"))
_UPSTREAMS = Variable("times", rank=0)  # only where the request's own time is not logged

NGINX: dict[str, Variable] = {
    "request": REQUEST,
    "request_method": METHOD,
    "request_uri": TARGET,
    "uri": TARGET,
    "document_uri": TARGET,
    "status": CODE_VARIABLE,
    "body_bytes_sent": BYTES_VARIABLE,
    "bytes_sent": BYTES_VARIABLE,
    "request_time": _SECONDS,
    "upstream_response_time": _UPSTREAMS,
    "time_local": CLF_STAMP,
    "time_iso8601": ISO_STAMP,
    "msec": EPOCH_STAMP,
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
    "b": BYTES_VARIABLE,
    "B": BYTES_VARIABLE,
    "O": Variable("bytes", rank=0),  # headers included
    "D": _MICROS,
    "T": Variable("time", rank=0),  # whole seconds
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
            parts.append(CLF_STAMP)
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
        return Variable("time", UNITS_NS[argument])
    if letter == "t":
        return EPOCH_STAMP if argument in ("sec", "msec", "usec") else ANY
    return APACHE.get(letter, ANY) if argument is None else ANY


FIELDS = b"#Fields:"

W3C: dict[str, Variable] = {
    "cs-method": METHOD,
    "cs-uri-stem": TARGET,
    "cs-uri": Variable("target", rank=0),
    "moment": Variable("moment", stamp=stamps.iso),
    "sc-status": CODE_VARIABLE,
    "sc-bytes": BYTES_VARIABLE,
}


def w3c_format(name: str, fields: str, *, separator: str = " ", time_unit_ns: int = UNITS_NS["ms"]) -> Format:
    """The format of a `#Fields:` line's list. IIS logs `time-taken` in ms, CloudFront in seconds. Raises ValueError."""
    parts: list[Part] = []
    words = iter(fields.replace("date time", "moment").replace("date\ttime", "moment").split())
    for word in words:
        _literal(parts, separator if parts else "")
        parts.append(Variable("time", time_unit_ns) if word == "time-taken" else W3C.get(word, ANY))

    def reshape(directive: bytes) -> Format | None:
        if not directive.startswith(FIELDS):
            return None
        announced = directive.removeprefix(FIELDS).decode("ascii", "replace")
        try:
            return w3c_format(name, announced, separator=separator, time_unit_ns=time_unit_ns)
        except ValueError:  # without a status every line fails, until a better list comes
            return Format(name=name, directive=b"#", reshape=reshape)

    return msgspec.structs.replace(assemble(name, parts, more=True), directive=b"#", reshape=reshape)
