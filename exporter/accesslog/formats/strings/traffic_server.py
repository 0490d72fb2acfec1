"""Format strings of Apache Traffic Server: the `format` of a logging.yaml.

    %<chi> - %<caun> [%<cqtn>] "%<cqtx>" %<pssc> %<pscl> %<ttms>

A field may be a header's (`%<{User-Agent}cqh>`) and may be cut (`%<cqup[0:30]>`). Names say of which message it is: the
client's request (cq), the proxy's answer to it (ps), the proxy's request (pq) and the origin's answer (ss).
"""

import re

from exporter.accesslog.formats._model import Format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.parts import parts_of
from exporter.accesslog.formats.strings.variables import (
    ANY,
    CLF_INSTANT,
    CODE_VARIABLE,
    EPOCH_INSTANT,
    HOST,
    METHOD,
    REQUEST,
    SIZE_VARIABLE,
    TARGET,
    WORDS,
    Variable,
)

_FIELD = re.compile(r"%<(?:\{(?P<header>[^}]*)\})?(?P<name>[a-z][a-z0-9]*)(?:\[[^\]]*\])?>")
_KNOWN = {  # what the client sent goes before what the proxy made of it
    "cqtx": REQUEST,
    "cqhm": METHOD,
    "pqhm": METHOD._replace(rank=0),
    **{name: TARGET._replace(rank=rank) for name, rank in (("cquuc", 3), ("cquc", 2), ("cqu", 2), ("cqup", 1))},
    **{name: TARGET._replace(rank=0) for name in ("cquup", "pqu", "pqup")},
    "pssc": CODE_VARIABLE,
    "sssc": CODE_VARIABLE._replace(rank=0),
    "pscl": SIZE_VARIABLE,
    "psql": SIZE_VARIABLE._replace(rank=0),  # with the headers
    "ttms": Variable("duration", UNITS_NS["ms"], rank=2),
    "ttmsf": Variable("duration", rank=2),
    "tts": Variable("duration"),  # whole seconds
    "cqtn": CLF_INSTANT,
    "cqtq": EPOCH_INSTANT,
    "cqts": EPOCH_INSTANT,
    **dict.fromkeys(("chi", "chp", "crc", "phi", "phn", "phr", "pqsn", "shi", "shn", "caun"), HOST),
}


def is_traffic_server(text: str) -> bool:
    """Whether it has fields of Traffic Server, `%<pssc>`."""
    return _FIELD.search(text) is not None


def traffic_server_format(text: str) -> Format:
    """The format of the string. Raises ValueError for what is not Traffic Server's, or makes sums of lines."""
    return assemble("traffic-server", parts_of(_FIELD, text, _variable, "is not a field of Traffic Server"))


def _variable(match: re.Match[str]) -> Variable:
    found = Variable(item=WORDS) if match["header"] else _KNOWN.get(match["name"], ANY)
    return found._replace(name=f"%<{match['name']}>")
