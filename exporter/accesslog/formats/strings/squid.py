"""Squid's format strings: the `logformat` directive of squid.conf.

    logformat squid %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt

A code may have an encoding, a width, which blanks make up, and an argument before or behind it.
"""

import re

from exporter.accesslog.formats._model import Format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.parts import parts_of
from exporter.accesslog.formats.strings.strftime import strftime_instant
from exporter.accesslog.formats.strings.variables import (
    ANY,
    CLF_INSTANT,
    CODE_VARIABLE,
    EPOCH_INSTANT,
    HOST,
    METHOD,
    SIZE_VARIABLE,
    TARGET,
    WORDS,
    Part,
    Variable,
)

BUILTIN = {
    "squid": "squid",
    "common": '%>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st %Ss:%Sh',
    "combined": "squid-combined",
}
"""The formats that squid.conf may name without defining them; `referrer` and `useragent` have no status code."""

_MILLIS = Variable("duration", UNITS_NS["ms"])
_KNOWN = {  # what the client sent goes before what Squid made of it
    ">Hs": CODE_VARIABLE,
    "Hs": CODE_VARIABLE,
    "<Hs": CODE_VARIABLE._replace(rank=0),
    "<st": SIZE_VARIABLE,
    **{code: METHOD._replace(rank=rank) for code, rank in ((">rm", 2), ("rm", 1), ("<rm", 0))},
    **{code: TARGET._replace(rank=rank) for code, rank in ((">ru", 3), ("ru", 2), (">rp", 1), ("rp", 1))},
    **{code: TARGET._replace(rank=0) for code in ("<ru", "<rp")},
    "tr": _MILLIS,
    "<tt": _MILLIS._replace(rank=0),  # of the next hop
    "<pt": _MILLIS._replace(rank=-1),
    "tl": CLF_INSTANT,
    "tg": CLF_INSTANT,
    "ts": EPOCH_INSTANT,
    "tS": EPOCH_INSTANT,
    **dict.fromkeys((">a", ">A", ">p", ">la", ">lp", "<a", "<A", "<p", "<la", "<lp", "la", "lp"), HOST),
    **dict.fromkeys((">rs", "<rs", ">rd", "<rd", ">rP", "<rP", "Ss", "Sh"), HOST),
    **dict.fromkeys((">h", ">ha", "<h"), Variable(item=WORDS)),
}
_OTHERS = (  # any text
    *("sn", "err_code", "err_detail", "note", "master_xaction", ">eui", ">qos", "<qos", ">nfmark", "<nfmark"),
    *(">handshake", "tu", "dt", "et", "ea", "ul", "ue", "ui", "us", "un", "credentials", "rv", ">rv", "<rv", "mt"),
    *("st", ">st", ">sh", "<sh", "<sH", "<sS", "<bs", "busy_time"),
    *("ssl::bump_mode", "ssl::>sni", "ssl::>cert_subject", "ssl::>cert_issuer", "ssl::<cert_subject"),
    *("ssl::<cert_issuer", "ssl::<cert_errors", "ssl::>negotiated_version", "ssl::<negotiated_version"),
    *("ssl::>received_hello_version", "ssl::<received_hello_version", "ssl::>received_supported_version"),
    *("ssl::<received_supported_version", "ssl::>negotiated_cipher", "ssl::<negotiated_cipher", "ssl::<cert"),
    *("adapt::all_trs", "adapt::sum_trs", "adapt::<last_h", "icap::tt", "icap::<last_h", "icap::>h", "icap::<h"),
    *("proxy_protocol::>h", "transport::>connection_id", "request_attempts"),
)
_CODES = "|".join(map(re.escape, sorted((*_KNOWN, *_OTHERS), key=len, reverse=True)))
_DIRECTIVE = re.compile(
    r"%(?:%|(?P<encoding>[\"'\[#/])?(?P<left>-)?(?P<width>[0-9]*(?:\.[0-9]+)?)(?:\{(?P<before>[^}]*)\})?(?:http::)?"
    rf"(?P<code>{_CODES})(?:\{{(?P<behind>[^}}]*)\}})?)"
)
_TELLING = re.compile(r"%[\"'\[#/]?-?[0-9.]*(?:http::)?[<>]?Hs\b")
_LINE = re.compile(r"\s*logformat\s+(?P<name>[^\s%\"']+)\s+(?P<format>[^\s\"'].*?|[\"'][^%\s].*?)\s*", re.DOTALL)
_EPOCH_MS = re.compile(r"%ts\.%03tu")
_SHELL = r'(?:"(?:[^"\\]|\\.)*"|[^ ]*)'
"""Of a value that has quotes around it if there are blanks in it."""


def is_squid(text: str) -> bool:
    """Whether it is a `logformat` line of squid.conf, or its format: only Squid writes a status as `Hs`."""
    return _LINE.fullmatch(text) is not None or _TELLING.search(text) is not None


def squid_format(text: str) -> Format:
    """The format of a `logformat` line, or of its string. Raises ValueError."""
    line = _LINE.fullmatch(text)
    text = _EPOCH_MS.sub("%tS", line["format"] if line else text)  # which has milliseconds too
    return assemble("squid", parts_of(_DIRECTIVE, text, _part, "is not a code of Squid"))


def _part(match: re.Match[str]) -> Part:
    if match[0] == "%%":
        return "%"
    code, argument = match["code"], match["before"] or match["behind"]
    found = _KNOWN.get(code, ANY)
    if code in ("tl", "tg") and argument:
        found = strftime_instant(argument) or ANY
    if match["encoding"] == "/" and found.kind == "any":
        found = found._replace(regex=_SHELL)
    width = match["width"].partition(".")[0]
    if width and not width.startswith("0"):
        found = found._replace(padded="right" if match["left"] else "left")
    return found._replace(name=f"%{code}" if not argument else f"%{{{argument}}}{code}")
