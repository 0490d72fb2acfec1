"""Lines as what carries logs wraps them, and readers of them; what the tests of envelopes share."""

import json
from pathlib import Path

from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import Buckets

EDGES = Buckets((0.001, 0.1, 2.5))
SAMPLES = Path(__file__).parent / "accesslog_samples"
STAMP = b"2026-11-22T06:30:48.123456789Z"
COMBINED = b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a?q=1 HTTP/1.1" 200 5 "-" "curl"'


def docker(text, *, stream="stdout", end="\n", **more):
    record = {"log": text.decode() + end, "stream": stream, **more, "time": STAMP.decode()}
    return json.dumps(record).encode().replace(b"&", rb"\u0026")


def cri(text, *, stream="stdout", tag="F", **_):
    return b"%b %b %b %b" % (STAMP, stream.encode(), tag.encode(), text)


def journal(text, *, as_bytes=False, **_):
    message = list(text) if as_bytes else text.decode()
    return json.dumps({"__REALTIME_TIMESTAMP": "1764225048000000", "_PID": "7", "MESSAGE": message}).encode()


def syslog(start):
    return lambda text, **_: start + text


WRAPPERS = {
    "docker": docker,
    "docker-attributes": lambda text, **_: docker(text, attrs={"tag": "web"}),
    "cri": cri,
    "cri-zone": lambda text, **_: b"2026-11-22T06:30:48.1+01:00 stdout F:x " + text,
    "journal": journal,
    "journal-bytes": lambda text, **_: journal(text, as_bytes=True),
    "syslog-3164": syslog(b"Nov 22 06:30:48 web-1 nginx: "),
    "syslog-no-host": syslog(b"Nov  2 06:30:48 haproxy[1278]: "),
    "syslog-priority": syslog(b"<134>Nov 22 06:30:48 2001:db8::1 haproxy[1278]: "),
    "syslog-short": syslog(b"<134>web[7]: "),
    "syslog-iso": syslog(b"2026-11-22T06:30:48.123456+01:00 web-1 docker/web[7]: "),
    "console-compose": syslog(b"web-1  | "),
    "console-colours": syslog(b"\x1b[36mweb-1  |\x1b[0m "),
    "console-kubectl": syslog(b"[pod/web-5d9f/nginx] "),
    "console-times": syslog(b"2026-11-22T06:30:48.123456789Z "),
    "shipper-log": lambda text, **_: json.dumps({"date": 1764225048.5, "log": text.decode()}).encode(),
    "shipper-message": lambda text, **_: json.dumps({"log": {"offset": 1}, "message": text.decode()}).encode(),
    "syslog-5424": syslog(b"<165>1 2026-11-22T06:30:48.003Z web-1 app 7 ID47 - "),
    "syslog-5424-data": syslog(rb'<165>1 - - app - - [x@1 a="b \" ] \] c"][y@2 status="500"] ' + b"\xef\xbb\xbf"),
}
KINDS = {name: name.split("-")[0] for name in WRAPPERS}
TEXT_ONLY = ("docker", "docker-attributes", "journal", "shipper-log", "shipper-message")
"""Envelopes that hold text: what was not UTF-8 is lost before it gets here."""


def read(data, format_, envelope="auto", kept=None):
    reader = Reader(format_, EDGES, kept, envelope=envelope)
    tally = reader.read(data)
    tally.merge(reader.finish())
    return tally


def lines_of(name):
    good = st.sampled_from((SAMPLES / f"{name}.log").read_bytes().splitlines())
    hostile = st.sampled_from(
        [b"", b"\r", b"\0", b'"', b"\\", b"\xff", "é\u2028".encode(), b" P ", b"&<>", b'\\n"', b"\t"]
    )
    spoiled = st.builds(lambda line, bad, at: line[:at] + bad + line[at:], good, hostile, st.integers(0, 120))
    return st.lists(st.one_of(good, spoiled, st.binary(max_size=30).map(lambda b: b.replace(b"\n", b""))), max_size=6)


FORMATS = sorted(PRESETS)
