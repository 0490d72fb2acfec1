"""The formats with a name."""

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Fields, Format, regex_format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.keyed.field_paths import GENERIC
from exporter.accesslog.formats.keyed.header import csv_format
from exporter.accesslog.formats.keyed.known_fields import CADDY, CLOUDFLARE, ENVOY, FASTLY, GCP, LOGRAGE, PINO, TRAEFIK
from exporter.accesslog.formats.keyed.structured import json_format, logfmt_format
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.haproxy import HTTPLOG_CLF, haproxy_format, httplog_format
from exporter.accesslog.formats.strings.percents import php_parts
from exporter.accesslog.formats.strings.regexes import CODE, DURATION, SIZE
from exporter.accesslog.formats.strings.servers import NGINX, nginx_parts, w3c_format
from exporter.accesslog.formats.strings.strftime import strftime_instant
from exporter.accesslog.formats.strings.variables import ISO_INSTANT, Variable
from foundation.errors import BadRecord

# `ip TAB METHOD target TAB code TAB bytes`. A request that has no method and target, as a server may log what it could
# not parse, is still one request.
_TAB_REQUEST = r"(?P<method>[^ \t]*) (?P<target>[^?\t]*)(?:\?[^\t]*)?"
_TAB = rf"(?P<x_remote_addr>[^\t]*)\t{_TAB_REQUEST}\t{CODE}\t{SIZE}"
_TAB_RARE = rf"(?P<x_remote_addr>[^\t]*)\t[^ \t]*\t{CODE}\t{SIZE}"

_COMMON = '$remote_addr $ident $remote_user [$time_local] "$request" $status $body_bytes_sent'
_REFERER_AGENT = '"$http_referer" "$http_user_agent"'
_TEMPLATES = {
    "common": _COMMON,
    "common-timed": f"{_COMMON} $request_time",
    "combined": f"{_COMMON} {_REFERER_AGENT}",
    "combined-timed": f"{_COMMON} {_REFERER_AGENT} $request_time",
    "vhost-common": f"$host {_COMMON}",
    "vhost-combined": f"$host {_COMMON} {_REFERER_AGENT}",
    "traefik": f'{_COMMON} {_REFERER_AGENT} $number "$router" "$server" ${{millis}}ms',
    "ingress-nginx": f"{_COMMON} {_REFERER_AGENT} $request_length $request_time [$proxy_upstream_name]"
    " [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time"
    " $upstream_status $req_id",
    "squid-combined": f"{_COMMON} {_REFERER_AGENT} ${{squid_word}}:${{squid_word}}",
    # The three times of a load balancer (waiting, target, answering) are one request's; -1 stands for none.
    "elb": '$time_iso8601 $elb $client $backend $three_times $status $target_status $received $bytes_sent "$request"'
    ' "$http_user_agent"',
    "alb": '$scheme $time_iso8601 $elb $client $backend $three_times $status $target_status $received $bytes_sent'
    ' "$request" "$http_user_agent"',
    "s3": '$owner $bucket [$time_local] $remote_addr $requester $request_id $operation $key "$request" $status $error'
    ' $body_bytes_sent $object_size $millis $turnaround "$http_referer" "$http_user_agent"',
}  # fmt: skip
TIMED = {name for name in _TEMPLATES if name.endswith("-timed")}
"""nginx writes `$request_time` as seconds with three decimals; a whole number there is another server's, in a unit that
only its configuration shows."""

_MORE = {"elb", "alb", "s3"}  # Amazon adds fields at the end from time to time
_VARIABLES = NGINX | {
    "squid_word": Variable(regex="[A-Z_]+"),
    "three_times": Variable("steps"),
    "millis": Variable("duration", UNITS_NS["ms"]),
    "time_iso8601": ISO_INSTANT,
}

_TIMED_VARIABLES = _VARIABLES | {
    "request_time": Variable("decimal duration", name="the number at the end", field="request_time")
}
_SECONDS = Variable("duration", UNITS_NS["s"])

_IIS_FIELDS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status "
    "sc-substatus sc-win32-status time-taken"
)
_CLOUDFRONT_FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
    "cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken"
)

_TARGET = r"(?P<target>[^ ?]*)(?:\?[^ ]*)?"
_QUOTED_REQUEST = r'"(?P<method>[^ "]*) (?P<target>[^ ?"]*)(?:\?[^ "]*)?(?: [^"]*)?"'
_SQUID = r"(?P<instant>[0-9]+\.[0-9]{3}) +"
_SQUID_REST = (
    rf"(?P<x_remote_addr>[^ ]+) (?P<x_result>[A-Z_]+)/{CODE} {SIZE} (?P<method>[^ ]*) {_TARGET}"
    r" (?P<x_remote_user>[^ ]+) (?P<x_hierarchy>[^ ]+)/(?P<x_peer>[^ ]+) (?P<x_content_type>[^ ]+)(?: \[.*)?"
)
_NUMBER = r"(?P<duration>[0-9]{1,9}(?:\.[0-9]{1,9})?|-|)"
_COLOUR = r"(?:\x1b\[[0-9;]*m)*"
_CLIENT = "(?P<x_remote_addr>[^ ]*) (?P<x_remote_user>[^ ]*)"
_TINY = f"{CODE} {SIZE} - {_NUMBER} ms"
_DEV = rf"(?P<method>[A-Z-]+) {_TARGET} {_COLOUR}{CODE}{_COLOUR} {_COLOUR}{_NUMBER} ms - {SIZE}{_COLOUR}"
_UVICORN = (
    r'(?:[^"]* )?(?P<x_client>(?:[^ "]+:[0-9]+)?) ?- '
    r'{0}"{0}(?P<method>[^ "]*) (?P<target>[^ ?"]*)(?:\?[^ "]*)?(?: [^"]*)?{0}"{0} '
)
_UVICORN += r"{0}(?P<code>[0-9]{{3}})(?: [A-Za-z' -]*)?{0}"
# Envoy, and Istio with the details of codes and of broken connections before the bytes that came and went.
_ENVOY = (
    rf'\[(?P<instant>[^\]]*)\] {_QUOTED_REQUEST} {CODE} (?:-|[A-Za-z][A-Za-z,]*) (?:(?:"[^"]*"|[^ "0-9][^ "]*) ){{0,4}}'
    rf"[0-9]+ {SIZE} {_NUMBER}(?: .*)?"
)
_GIN_TIME = strftime_instant("%Y/%m/%d - %H:%M:%S") or ISO_INSTANT
_GIN = (
    rf"\[GIN\] (?P<instant>[0-9/]+ - [0-9:]+) \|{_COLOUR} {CODE} {_COLOUR}\|(?:{_COLOUR})? *(?P<duration>[0-9][^ |]*) ?"
    rf"{_COLOUR}\| *(?P<x_remote_addr>[^ |]*) *\|{_COLOUR} (?P<method>[^ |\x1b]*) *{_COLOUR} +"
    r"\"(?P<target>[^\"?]*)(?:\?[^\"]*)?\".*"
)
_UWSGI = (
    r"\[pid: .*?\] [^ ]* .*?\} \[[^\]]*\] (?P<method>[A-Z-]+) (?P<target>[^ ?]*)(?:\?[^ ]*)? => generated "
    r"(?P<size>[0-9]+) bytes in (?P<duration>[0-9]+ (?:msec|micro))s(?: [^ ]+ [^ ]+)? \([^ ]* " + CODE + r"\) .*"
)
_IIS_LOG = (  # Microsoft's own format, before W3C's; its time of day has no zone
    r"(?P<x_remote_addr>[^ ]+), (?P<x_remote_user>[^,]*), [0-9/.]+, [0-9:]+, [^,]*, [^,]*, [^ ]*, "
    r"(?P<duration>[0-9]{1,9}), [0-9]+, (?P<size>[0-9]{1,15}), "
    rf"{CODE}, [0-9]+, (?P<method>[^ ,]*), (?P<target>[^,]*), .*"
)
_MS = UNITS_NS["ms"]


def _among(format_: Format, messages: str) -> Format:
    """The format among other messages of the program, which are neither requests nor bad lines."""
    is_message = re.compile(messages.encode(), re.DOTALL).fullmatch

    def second_look(line: bytes) -> Fields | None:
        """Fields of a line; None for another message of the program. Raises BadRecord."""
        try:
            return format_.second_look(line)
        except BadRecord:
            if is_message(line):
                return None
            raise

    return msgspec.structs.replace(format_, second_look=second_look)


_PROGRAMS: dict[str, Callable[[str], Format]] = {
    "haproxy": httplog_format,
    "haproxy-clf": lambda name: haproxy_format(name, HTTPLOG_CLF),
    "squid": lambda name: regex_format(
        name,
        f"{_SQUID}(?P<duration>[0-9]{{1,12}}) {_SQUID_REST}",
        (f"{_SQUID}-[0-9]+ {_SQUID_REST}",),
        duration_unit_ns=_MS,
        read_instant=instants.epoch,
    ),
    "envoy": lambda name: _among(
        regex_format(name, _ENVOY, duration_unit_ns=_MS, read_instant=instants.iso),
        r"[0-9T:.Z-]+\t[a-z]+\t.*|\[[^\]]*\]\[[0-9]+\]\[[a-z]+\].*",
    ),
    "morgan-tiny": lambda name: regex_format(name, f"(?P<method>[A-Z-]+) {_TARGET} {_TINY}", duration_unit_ns=_MS),
    "morgan-short": lambda name: regex_format(
        name,
        f"{_CLIENT} (?P<method>[A-Z-]+) {_TARGET} HTTP/[0-9.]+ {_TINY}",
        duration_unit_ns=_MS,
    ),
    "php-fpm": lambda name: assemble(name, php_parts('%R - %u %t "%m %r%Q%q" %s %f %{mili}d %{kilo}M %C%%')),
    "gin": lambda name: _among(
        regex_format(name, _GIN, duration_unit_ns=None, read_instant=_GIN_TIME.read_instant, bulk=False),
        r"\[GIN-debug\].*|\[GIN\] .*panic recovered.*",
    ),
    "uwsgi": lambda name: regex_format(name, _UWSGI, duration_unit_ns=None, bulk=False),
    "iis-log": lambda name: regex_format(name, _IIS_LOG, duration_unit_ns=_MS),
    "morgan-dev": lambda name: regex_format(name, _DEV, (rf"{_COLOUR}{_DEV}",), duration_unit_ns=_MS),
    "uvicorn": lambda name: _among(
        regex_format(name, _UVICORN.format(""), (_UVICORN.format(_COLOUR),)),
        rf"{_COLOUR}(?:TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL){_COLOUR}: .*",
    ),
    "gunicorn": lambda name: _among(
        assemble(name, nginx_parts(_TEMPLATES["combined"], _VARIABLES)),
        r"\[[^\]]*\] \[[0-9]+\] \[[A-Z]+\] .*",
    ),
}

_STRUCTURED = {
    "json": (json_format, GENERIC),
    "logfmt": (logfmt_format, GENERIC),
    "caddy": (json_format, CADDY),
    "traefik-json": (json_format, TRAEFIK),
    "cloudflare": (json_format, CLOUDFLARE),
    "envoy-json": (json_format, ENVOY),
    "fastly": (json_format, FASTLY),
    "gcp": (json_format, GCP),
    "pino": (json_format, PINO),
    "lograge": (logfmt_format, LOGRAGE),
    "lograge-json": (json_format, LOGRAGE),
    "csv": (csv_format, GENERIC),
}


def _templated(name: str) -> Format:
    variables = _TIMED_VARIABLES if name in TIMED else _VARIABLES
    return assemble(name, nginx_parts(_TEMPLATES[name], variables), more=name in _MORE)


def _structured(name: str) -> Format:
    make, paths = _STRUCTURED[name]
    return make(name, paths)


class _Presets(Mapping[str, Format]):
    """Formats by name, each created on first use: a daemon uses one or two, and all take 60 ms."""

    def __init__(self, makers: Mapping[str, Callable[[str], Format]]) -> None:
        self._makers = makers
        self._made: dict[str, Format] = {}

    def __getitem__(self, name: str) -> Format:
        if name not in self._made:
            self._made.setdefault(name, self._makers[name](name))  # one for all threads
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


PRESETS: Mapping[str, Format] = _Presets(
    {
        "tab": lambda name: regex_format(name, _TAB, (_TAB_RARE,)),
        "tab-timed": lambda name: regex_format(name, rf"{_TAB}\t{DURATION}", (rf"{_TAB_RARE}\t{DURATION}",)),
        **dict.fromkeys(_TEMPLATES, _templated),
        **_PROGRAMS,
        "w3c": lambda name: w3c_format(name, _IIS_FIELDS),
        "cloudfront": lambda name: w3c_format(name, _CLOUDFRONT_FIELDS, separator="\t", time_taken=_SECONDS),
        **dict.fromkeys(_STRUCTURED, _structured),
    }
)
"""By name. The first line of a W3C log says which fields it has; these are what IIS writes if it says nothing."""

ALIASES = {
    "nginx": "combined",
    "apache": "combined",
    "iis": "w3c",
    "clf": "common",
    "istio-json": "envoy-json",
    "istio": "envoy",
    "varnish": "combined",
    "lighttpd": "combined",
}


def preset(name: str, time_unit: str | None) -> Format:
    """The format of that name, with its durations in a unit that the user has named. Raises KeyError."""
    known = PRESETS[name]
    if time_unit is None:
        return known
    if name in _STRUCTURED:
        make, paths = _STRUCTURED[name]
        return make(name, msgspec.structs.replace(paths, duration_unit=time_unit))
    unit_ns = UNITS_NS[time_unit]
    if name in TIMED:
        known = assemble(name, nginx_parts(_TEMPLATES[name], _VARIABLES))
    elif name == "w3c":
        known = w3c_format(name, _IIS_FIELDS, time_taken=Variable("duration", unit_ns))
    elif name == "cloudfront":
        known = w3c_format(name, _CLOUDFRONT_FIELDS, separator="\t", time_taken=Variable("duration", unit_ns))
    return msgspec.structs.replace(known, duration_unit_ns=unit_ns)
