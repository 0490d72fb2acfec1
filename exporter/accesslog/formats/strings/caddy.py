"""Templates of Caddy's transform encoder: the `format transform` of a Caddyfile.

    {request>remote_ip} - {user_id} [{ts}] "{request>method} {request>uri} {request>proto}" {status} {size} {duration}

A placeholder is a path in Caddy's JSON. Without a value there, Caddy writes a dash, or the value at the next of several
paths (`{request>headers>X-Real-Ip>[0]|request>remote_ip}`).
"""

import re

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.parts import parts_of
from exporter.accesslog.formats.strings.variables import (
    ANY,
    CODE_VARIABLE,
    HOST,
    METHOD,
    SIZE_VARIABLE,
    TARGET,
    WORDS,
    Variable,
)

_LINE = re.compile(
    r"\s*format\s+transform(?:\s+(?:`(?P<plain>[^`]*)`|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"))?\s*(?:\{.*)?", re.DOTALL
)
_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:>[^{}|]+)*)(?:\|[^{}]*)?\}")
_SHORT = {
    "{common_log}": '{request>remote_ip} - {user_id} [{ts}] "{request>method} {request>uri} {request>proto}" '
    "{status} {size}"
}
_TELLING = re.compile(r"\{(?:common_log|status|request>[^{}]+)\}")
_KNOWN = {
    "request>method": METHOD,
    "request>uri": TARGET,
    "status": CODE_VARIABLE,
    "size": SIZE_VARIABLE,
    "duration": Variable("written duration", UNITS_NS["s"]),  # below 0.1 ms as 1.2e-05
    "ts": Variable("instant", read_instant=instants.any_form, regex=r"[^ \]|,;\t]+(?: [-+][0-9]{4})?"),
    **dict.fromkeys(("request>remote_ip", "request>remote_port", "request>client_ip", "request>host"), HOST),
}


def is_caddy(text: str) -> bool:
    """Whether it is a `format transform` line of a Caddyfile, or its template."""
    return _LINE.fullmatch(text) is not None or _TELLING.search(text) is not None


def caddy_format(text: str) -> Format:
    """The format of such a line or template; of a line without a template, of `{common_log}`. Raises ValueError."""
    if line := _LINE.fullmatch(text):
        quoted = line["quoted"]
        text = line["plain"] or (re.sub(r"\\(.)", r"\1", quoted) if quoted else "{common_log}")
    for short, template in _SHORT.items():
        text = text.replace(short, template)
    return assemble("caddy-transform", parts_of(_PLACEHOLDER, text, _variable))


def _variable(match: re.Match[str]) -> Variable:
    found = Variable(item=WORDS) if "headers>" in match[1] else _KNOWN.get(match[1], ANY)
    return found._replace(name=match[0])
