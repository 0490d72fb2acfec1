"""Format strings with percent signs: of Apache, Tomcat, HAProxy, Squid, Traffic Server, Envoy or gunicorn.

The directives decide. `%b` is bytes to Apache and a backend to HAProxy, so a string that could be both is refused.
"""

import html
import re

from exporter.accesslog.formats._model import Format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.strings import haproxy
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.envoy import envoy_format, is_envoy
from exporter.accesslog.formats.strings.parts import parts_of
from exporter.accesslog.formats.strings.servers import apache_field, apache_parts, unknown_to_apache
from exporter.accesslog.formats.strings.squid import is_squid, squid_format
from exporter.accesslog.formats.strings.strftime import strftime_instant
from exporter.accesslog.formats.strings.traffic_server import is_traffic_server, traffic_server_format
from exporter.accesslog.formats.strings.variables import (
    ANY,
    CLF_INSTANT,
    CODE_VARIABLE,
    ISO_INSTANT,
    METHOD,
    QUERY,
    REQUEST,
    SIZE_VARIABLE,
    TARGET,
    WORDS,
    Part,
    Variable,
)

_HAPROXY_LINE = re.compile(r"\s*log-format\s+(?:\"(.*)\"|'(.*)'|(.*?))\s*", re.DOTALL)
_TOMCAT_LINE = re.compile(r"\s*(?:<Valve\b.*?\b)?pattern=(?:\"([^\"]*)\"|'([^']*)').*", re.DOTALL)
_TOMCAT_WORDS = {
    "common": '%h %l %u %t "%r" %s %b',
    "combined": '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"',
}
_PROPERTY = re.compile(r"\s*(server\.tomcat|server\.undertow|quarkus\.http)\.access-?log\.pattern\s*[=:]\s*(.*?)\s*")
_PHP_LINE = re.compile(r"\s*access\.format\s*=\s*(?:\"(.*)\"|'(.*)'|(.*?))\s*", re.DOTALL)
_PHP = re.compile(r"%\{(mili|milliseconds|micro|microseconds|seconds|kilo|kilobytes|mega|megabytes|bytes)\}[dM]")
_UNDERTOW = re.compile(r"%\{([iocrs]),([^}]*)\}")
_TOMCAT_ONLY = re.compile(r"%F|%\{[^}]*\}[crs]")
_LISTED = 4
_UNKNOWN = "is not supported"
_APACHES_CODE = re.compile(r"%[!0-9,<>]*s")

MICROS, MILLIS, SECONDS = (Variable("duration", UNITS_NS[unit]) for unit in ("us", "ms", "s"))


def is_tomcat(text: str) -> bool:
    """Whether it is a valve of Tomcat's configuration, or its pattern."""
    return _TOMCAT_LINE.fullmatch(text) is not None


def percent_format(text: str, time_unit: str | None = None) -> Format:
    """The format of a string with percent signs. Raises ValueError."""
    if match := _HAPROXY_LINE.fullmatch(text):
        return haproxy.haproxy_format("haproxy", match[1] or match[2] or match[3] or "")
    if (match := _PHP_LINE.fullmatch(text)) or _PHP.search(text):
        return assemble("php-fpm", php_parts((match[1] or match[2] or match[3] or "") if match else text))
    if is_traffic_server(text):
        return traffic_server_format(text)
    if is_squid(text):
        return squid_format(text)
    if match := _PROPERTY.fullmatch(text):
        return _java(match[2], time_unit, undertow=match[1] != "server.tomcat")
    if match := _TOMCAT_LINE.fullmatch(text):
        return _java(html.unescape(match[1] or match[2] or ""), time_unit)
    if is_envoy(text):
        return envoy_format(text)
    if _PYTHON.search(text):
        return assemble("gunicorn", parts_of(_PYTHON, text.replace("%(t)s", "[%(t)s]"), _python_variable, _UNKNOWN))
    if _UNDERTOW.search(text):
        return _java(text, time_unit)
    if _is_haproxy(text):
        return haproxy.haproxy_format("haproxy", text)
    return _tomcat(text, time_unit) if _TOMCAT_ONLY.search(text) else assemble("apache", apache_parts(text))


def _is_haproxy(text: str) -> bool:
    """Whether it is HAProxy's and not Apache's. Raises ValueError if it is neither, or may be both."""
    not_apache, not_haproxy = unknown_to_apache(text), haproxy.unknown_directives(text)
    if not_apache and not_haproxy:
        raise ValueError(
            f"the format is neither Apache's, which has no {_listed(not_apache)}, nor HAProxy's, which has no "
            f"{_listed(not_haproxy)}"
        )
    telling = haproxy.telling_directives(text)
    if not_apache or not_haproxy or "%ST" not in telling:
        return bool(not_apache)
    if len(telling) > 1 or not _APACHES_CODE.search(text):
        return True
    raise ValueError(
        "the format can be Apache's and HAProxy's, where %s and %b differ; for HAProxy, write it as its "
        "configuration has it, log-format and the string; else as a regex"
    )


def _listed(directives: list[str]) -> str:
    return ", ".join([*dict.fromkeys(directives)][:_LISTED])


_PHP_UNITS = {"mili": "ms", "milliseconds": "ms", "micro": "us", "microseconds": "us", "seconds": "s", "": "s"}
_PHP_DIRECTIVE = re.compile(r"%(?:\{([^}]*)\})?([A-Za-z%])")
_PHP_VARIABLES = {
    "r": TARGET,
    "m": METHOD,
    "Q": QUERY,  # the question mark, if there is a query
    "q": QUERY,
    "s": CODE_VARIABLE,
    "l": ANY,  # the bytes that came
    **dict.fromkeys("CefMnopPRu", ANY),
}


_PHP_NAMES = {"R": "remote_addr", "u": "remote_user", "n": "pool", "f": "script", "p": "pid", "r": "uri", "C": "cpu"}


def php_parts(text: str) -> list[Part]:
    """PHP-FPM's `access.format` in parts. Raises ValueError."""
    return parts_of(_PHP_DIRECTIVE, text.replace('\\"', '"'), _php_variable, _UNKNOWN)


def _php_variable(match: re.Match[str]) -> Part:
    argument, letter = match[1] or "", match[2]
    if letter == "%":
        return "%"
    if letter in "tT":
        return (strftime_instant(argument) if argument else CLF_INSTANT) or ANY
    if letter == "d" and argument in _PHP_UNITS:
        return Variable("duration", UNITS_NS[_PHP_UNITS[argument]])
    if letter not in _PHP_VARIABLES:
        raise ValueError(f"the format has {match[0]!r}, which is not supported")
    return _PHP_VARIABLES[letter].called(_PHP_NAMES.get(letter, "")) if not argument else _PHP_VARIABLES[letter]


def _java(text: str, time_unit: str | None, *, undertow: bool = False) -> Format:
    """The pattern of Tomcat, or of Undertow: only that has arguments without a letter behind, and its %D is ms."""
    text = _TOMCAT_WORDS.get(text, text)
    if undertow or _UNDERTOW.search(text):
        return assemble("undertow", apache_parts(_UNDERTOW.sub(r"%{\2}\1", text), {"D": MILLIS}))
    return _tomcat(text, time_unit)


def _tomcat(text: str, time_unit: str | None) -> Format:
    """Tomcat's pattern, where %D is ms up to Tomcat 9 and us since Tomcat 10: the user must say which."""
    millis = Variable("duration", UNITS_NS[time_unit]) if time_unit else _TOMCAT_TIME
    return assemble("tomcat", apache_parts(text, {"D": millis}))


_TOMCAT_TIME = Variable("unknown duration", rank=-1, name="%D, which is ms up to Tomcat 9 and us since Tomcat 10")


_PYTHON = re.compile(r"%\((\w+|\{[^}]*\}[ioe])\)[-0-9.]*[sdf]")
_PYTHON_TIME = strftime_instant("%Y-%m-%d %H:%M:%S %z") or ANY
_PYTHON_VARIABLES = {
    "t": CLF_INSTANT,
    "r": REQUEST,
    "m": METHOD,
    "U": TARGET,
    "s": CODE_VARIABLE,
    "b": SIZE_VARIABLE,
    "B": SIZE_VARIABLE,
    "D": MICROS,
    "L": SECONDS,
    "M": MILLIS,
    "T": SECONDS._replace(rank=0),  # whole seconds
    "R": REQUEST._replace(rank=1),  # hypercorn's, as the next: without the query, and with it
    "Uq": TARGET._replace(rank=2),
    "time": _PYTHON_TIME,  # granian's, as the next
    "method": METHOD,
    "path": TARGET,
    "status": CODE_VARIABLE,
    "dt_ms": MILLIS,
    **dict.fromkeys((*"hluqHfapS", "st", "addr", "query_string", "protocol", "scheme"), ANY),
}


_PYTHON_NAMES = {
    "h": "remote_addr",
    "l": "ident",
    "u": "remote_user",
    "H": "protocol",
    "f": "referer",
    "a": "user_agent",
    "p": "pid",
    "q": "query",
    "addr": "remote_addr",
    "s": "status",
    "m": "request_method",
    "U": "uri",
    "r": "request",
    "b": "size",
    "B": "size",
    "t": "time",
    **dict.fromkeys("DLMT", "duration"),
}


def _python_variable(match: re.Match[str]) -> Variable:
    """Of gunicorn, hypercorn and granian. Raises ValueError for a name that none of them has."""
    if match[1].startswith("{"):
        argument, _, letter = match[1].removeprefix("{").partition("}")
        return Variable(item=WORDS, field=apache_field(letter, argument))
    if match[1] not in _PYTHON_VARIABLES:
        raise ValueError(f"the format has {match[0]!r}, which is not supported")
    return _PYTHON_VARIABLES[match[1]]._replace(field=_PYTHON_NAMES.get(match[1], match[1]))


_MORGAN = re.compile(r":([a-z][a-z-]*[a-z])(?:\[([^\]]*)\])?")
_MORGAN_VARIABLES = {
    "method": METHOD,
    "url": TARGET,
    "status": CODE_VARIABLE,
    "response-time": MILLIS,
    "total-time": MILLIS._replace(rank=2),  # also the body
}
_WEB = strftime_instant("%a, %d %b %Y %H:%M:%S GMT") or ANY
_MORGAN_DATES = {"clf": CLF_INSTANT, "iso": ISO_INSTANT, "web": _WEB, "": _WEB}


def is_morgan(text: str) -> bool:
    """Whether it is a format of node's morgan, `:method :url :status`."""
    return "%" not in text and any(match[1] in ("method", "url", "status") for match in _MORGAN.finditer(text))


def morgan_format(text: str) -> Format:
    """The format of morgan's string. Raises ValueError."""
    return assemble("morgan", parts_of(_MORGAN, text, _morgan_variable, _UNKNOWN))


def _morgan_variable(match: re.Match[str]) -> Variable:
    name, argument = match[1], match[2] or ""
    if name == "res" and argument.lower() == "content-length":
        return SIZE_VARIABLE
    found = _MORGAN_DATES.get(argument, ANY) if name == "date" else _MORGAN_VARIABLES.get(name, ANY)
    prefix = {"req": "http_", "res": "sent_http_"}.get(name)
    return found.called(f"{prefix}{argument}" if prefix else name)
