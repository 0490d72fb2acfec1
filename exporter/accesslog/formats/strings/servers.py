"""The format strings of nginx (`log_format`) and Apache (`LogFormat`), and the field lists of W3C logs, to parts."""

import re
from collections.abc import Mapping

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.field_names import common_name
from exporter.accesslog.formats.groups import MARK
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.parts import add_part, parts_of
from exporter.accesslog.formats.strings.strftime import java_instant, strftime_instant
from exporter.accesslog.formats.strings.variables import (
    ANY,
    CLF_INSTANT,
    CODE_VARIABLE,
    CODES,
    EPOCH_INSTANT,
    HOST,
    ISO_INSTANT,
    MADE_TARGET,
    METHOD,
    NUMBERS,
    QUERY,
    REQUEST,
    SIZE_VARIABLE,
    SIZE_WITH_HEADERS,
    TARGET,
    TIMES,
    WORDS,
    Part,
    Variable,
)

_SECONDS, _MICROS = (Variable("duration", UNITS_NS[unit]) for unit in ("s", "us"))

NGINX: dict[str, Variable] = {
    "request": REQUEST,
    "request_line": REQUEST,  # of NGINX Unit
    "request_method": METHOD,
    "request_uri": TARGET,
    "uri": MADE_TARGET,
    "document_uri": MADE_TARGET,
    "is_args": QUERY,
    "args": QUERY,
    "query_string": QUERY,
    "status": CODE_VARIABLE,
    "body_bytes_sent": SIZE_VARIABLE,
    "bytes_sent": SIZE_WITH_HEADERS,
    "request_time": _SECONDS,
    "upstream_response_time": Variable("durations", rank=0, item=TIMES),  # only where the request's own is not logged
    "upstream_addr": Variable(item=WORDS),
    "upstream_status": Variable(item=CODES),
    "upstream_response_length": Variable(item=NUMBERS),
    "proxy_add_x_forwarded_for": Variable(item=WORDS),
    **{
        f"duration_{unit}": Variable("duration", unit_ns) for unit, unit_ns in UNITS_NS.items()
    },  # not nginx's, as the next: see infer
    "duration_text": Variable("written duration", None),
    "time_local": CLF_INSTANT,
    "time_iso8601": ISO_INSTANT,
    "msec": EPOCH_INSTANT,
    **dict.fromkeys(("host", "http_host", "proxy_host", "server_name", "hostname", "scheme", "server_port"), HOST),
    **dict.fromkeys(("remote_addr", "remote_port", "server_addr", "proxy_port", "proxy_protocol_addr"), HOST),
}
_LISTS = (  # what nginx has of each of several upstreams, or joins of several header lines
    (re.compile(r"upstream_\w*time\Z"), Variable(item=TIMES)),
    (re.compile(r"upstream_(?:bytes|\w*length)\w*\Z"), Variable(item=NUMBERS)),
    (re.compile(r"(?:upstream|http|sent_http|sent_trailer|header|response_header)_\w+\Z"), Variable(item=WORDS)),
)
_NGINX_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def nginx_variable(name: str, variables: Mapping[str, Variable] = NGINX) -> Variable:
    """The meaning of the variable; unknown ones are any text."""
    found = variables.get(name) or next((one for pattern, one in _LISTS if pattern.match(name)), ANY)
    return found if found.name else found._replace(name=f"${name}")


def nginx_parts(text: str, variables: Mapping[str, Variable] = NGINX) -> list[Part]:
    """`$remote_addr - $remote_user [$time_local] "$request" $status ...` in parts; unknown variables are any text."""
    return parts_of(
        _NGINX_VARIABLE, text.replace("\\t", "\t"), lambda match: nginx_variable(match[1] or match[2], variables)
    )


APACHE: dict[str, Variable] = {
    "r": REQUEST,
    "m": METHOD,
    "U": TARGET,
    "q": QUERY,
    "s": CODE_VARIABLE,
    "b": SIZE_VARIABLE,
    "B": SIZE_VARIABLE,
    "O": SIZE_WITH_HEADERS,
    "D": _MICROS,
    "T": Variable("duration", rank=0),  # whole seconds
    "Tf": Variable("duration"),  # aiohttp's
    **dict.fromkeys("ahvVApP", HOST),
}
_HEADERS = "ioenC"
"""Letters whose argument names what a client or a program has sent: any text, also several in a list."""
_APACHE_DIRECTIVE = re.compile(r"%(?:%|[!0-9,<>]*(?:\{([^}]*)\})?(\^..|Tf\b|[A-Za-z]))")
_PLAIN_LETTERS = frozenset("aAbBDfFhHIklLmOpPqrRsStTuUvVX")
_ARGUED_LETTERS = frozenset("aCcehiIlLnoOPprsStTvVx")
"""Of Apache, and of servers with its syntax: Tomcat, Jetty, lighttpd, varnishncsa, Fastly."""
_UNITS = UNITS_NS | {"fracsec": UNITS_NS["s"]}  # Tomcat's
_CLF = "CLF"
"""Jetty's argument for sizes that are a dash instead of 0."""
_EXACT = {
    "Varnish:time_firstbyte": Variable("duration", rank=-1),
    "duration": Variable("duration"),  # H2O's, as the next two
    "total-time": Variable("duration", rank=2),
    "response-time": Variable("duration", rank=-1),
    "time.elapsed": Variable("duration"),  # Fastly's, as the next two
    "time.elapsed.msec": Variable("duration", UNITS_NS["ms"]),
    "time.elapsed.usec": _MICROS,
}


def unknown_to_apache(text: str) -> list[str]:
    """Texts with a percent sign that are not directives of Apache, or of servers with its syntax."""
    end, unknown = 0, []
    for match in re.finditer("%", text):
        if match.start() < end:
            continue
        found = _APACHE_DIRECTIVE.match(text, match.start())
        end = found.end() if found else match.end()
        if found is None or not _is_apache(found):
            unknown.append(found[0] if found else text[match.start() : match.start() + 3])
    return unknown


def _is_apache(match: re.Match[str]) -> bool:
    argument, letter = match[1], match[2]
    if letter is None or len(letter) > 1:
        return letter in (None, "^ti", "^to", "^FB", "Tf")
    return letter in _PLAIN_LETTERS if argument is None else letter in _ARGUED_LETTERS and argument[:1] not in "+-"


def apache_parts(text: str, own: Mapping[str, Variable] | None = None) -> list[Part]:
    r"""`%h %l %u %t \"%r\" %>s %b` in parts; `own`: the meaning of letters that Apache does not have."""
    text = text.replace('\\"', '"').replace("\\t", "\t")
    parts: list[Part] = []
    end = 0
    for match in _APACHE_DIRECTIVE.finditer(text):
        add_part(parts, text[end : match.start()])
        end = match.end()
        if match[0] == "%%":
            add_part(parts, "%")
        elif match[2] == "t" and match[1] is None:
            add_part(parts, "[")
            parts.append(CLF_INSTANT)
            add_part(parts, "]")
        else:
            found = (own or {}).get(match[2]) or _apache_variable(match[2], match[1], match[0])
            parts.append(found._replace(field=apache_field(match[2], match[1])))
    add_part(parts, text[end:])
    return parts


_FIELDS_OF_LETTERS = {
    "a": "remote_addr",
    "h": "remote_addr",
    "l": "ident",
    "u": "remote_user",
    "v": "host",
    "V": "host",
    "A": "server_addr",
    "p": "server_port",
    "H": "protocol",
    "P": "pid",
    "k": "keepalive",
    "X": "connection",
    "f": "filename",
    "R": "handler",
    "I": "bytes_received",
    "S": "bytes_both",
    "L": "log_id",
    "q": "query",
    "D": "duration",
    "T": "duration",
    "B": "size",
    "b": "size",
    "O": "bytes_sent",
    "r": "request",
    "U": "uri",
    "s": "status",
    "m": "request_method",
    "t": "time",
}
_FIELDS_OF_ARGUED = {"i": "http_", "o": "sent_http_", "e": "env_", "n": "note_", "C": "cookie_"}
"""Where the argument names a header, a variable or a note: as nginx calls the like."""


def apache_field(letter: str, argument: str | None) -> str:
    """What the field of a directive is called."""
    if argument is None or letter not in _FIELDS_OF_ARGUED:
        return _FIELDS_OF_LETTERS.get(letter, common_name(f"{argument or ''}_{letter}"))
    return common_name(_FIELDS_OF_ARGUED[letter] + argument)


def _apache_variable(letter: str, argument: str | None, whole: str) -> Variable:
    if letter == "s" and argument is None:  # of a redirect within the server the last, unless the first is asked for
        return CODE_VARIABLE._replace(rank=2 if ">" in whole else 0 if "<" in whole else 1)
    if letter == "T" and argument in _UNITS:
        return Variable("duration", _UNITS[argument])
    if letter == "t":
        return _instant((argument or "").removeprefix("begin:").removeprefix("end:"))
    if argument is None or argument == _CLF:
        return APACHE.get(letter, ANY)
    if letter == "i" and argument.lower() == "host":
        return HOST
    return _EXACT.get(argument) or (Variable(item=WORDS, name=whole) if letter in _HEADERS else ANY)


def _instant(form: str) -> Variable:
    """Of Apache's and lighttpd's forms, which are strftime's, and of Java's."""
    if form in ("sec", "msec", "usec"):
        return EPOCH_INSTANT
    return (strftime_instant(form) if "%" in form else java_instant(form)) or ANY


DIRECTIVE = b"#Fields:"

W3C: dict[str, Variable] = {
    "cs-method": METHOD,
    "cs-uri-stem": TARGET,
    "cs-uri": MADE_TARGET,
    "date+time": Variable("split instant", read_instant=instants.iso),
    "sc-status": CODE_VARIABLE,
    "sc-bytes": SIZE_VARIABLE,
    "bytes": SIZE_WITH_HEADERS,
}


IIS_TIME = Variable("whole duration", UNITS_NS["ms"], name="time-taken")
"""IIS writes whole milliseconds. The W3C's draft says seconds, with a fraction."""


_TIMES_TAKEN = ("time-taken", "TimeTakenMS")


def _w3c_variable(word: str, separator: str) -> Variable:
    """IIS' Advanced Logging puts quotes around texts, with blanks in them; what parts fields by tabs does not."""
    found = W3C.get(word, ANY).called(word)
    return found._replace(quotable=separator == " ") if found.kind in ("method", "target", "any") else found


def w3c_format(name: str, fields: str, *, separator: str = " ", time_taken: Variable = IIS_TIME) -> Format:
    """The format of a `#Fields:` line's list; `time_taken`: what that field is. Raises ValueError."""
    parts: list[Part] = []
    words = iter(fields.replace("date time", "date+time").replace("date\ttime", "date+time").split())
    for word in words:
        add_part(parts, separator if parts else "")
        parts.append(time_taken if word in _TIMES_TAKEN else _w3c_variable(word, separator))

    def reshape(directive: bytes) -> Format | None:
        """The format that a `#Fields:` line announces; None for another directive."""
        if not directive.startswith(DIRECTIVE):
            return None
        announced = directive.removeprefix(DIRECTIVE).decode("ascii", "replace")
        try:
            return w3c_format(name, announced, separator=separator, time_taken=time_taken)
        except ValueError:  # without a status every line fails, until a list that has one
            return Format(name=name, directive=b"#", reshape=reshape, header=DIRECTIVE)

    made = assemble(name, parts, more=True)

    def choose(format_: Format, more: tuple[str, ...]) -> Format:
        """The format with more fields, by their common names."""
        assert made.choose is not None
        return made.choose(format_, tuple(f"{MARK}{common_name(one.removeprefix(MARK))}" for one in more))

    return msgspec.structs.replace(made, directive=b"#", reshape=reshape, header=DIRECTIVE, names=None, choose=choose)
