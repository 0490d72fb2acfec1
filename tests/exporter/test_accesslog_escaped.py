"""A regex of escaped text finds what the regex of the text finds, or nothing."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS, find_format
from exporter.accesslog.formats.envelope import OPENERS
from exporter.accesslog.formats.escaped import AMPERSAND, in_json
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import Buckets

EDGES = Buckets((0.001, 0.1, 2.5))
SAMPLES = Path(__file__).parent / "accesslog_samples"
CHARACTERS = st.text(st.sampled_from('aé"\\\t\n &<>-]^[/?.\x02\u2028'), max_size=8)
ATOMS = st.sampled_from(
    [
        *("a", r"\.", r"\"", '"', r"\\", r"\t", "\t", "&", "<", ".", "é", r"\x02"),
        *("[^ ]", r'[^"\\]', "[^&]", "[!-~]", r"[ \t]", r"[\]\-a]", r"[^\x00-\x1f]", "[&<]", r"[^\^]"),
    ]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, st.sampled_from(["*", "?", "+", "{1,2}"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"(?:{'|'.join(some)})"),
    ),
    max_leaves=6,
)


def escape(text, *, ampersand=True):
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return written.replace("&", AMPERSAND).replace("<", r"\u003c").replace(">", r"\u003e") if ampersand else written


@given(PATTERNS, CHARACTERS, st.booleans())
def test_what_the_regex_of_escaped_text_takes_the_regex_of_the_text_takes(pattern, text, ampersand):
    inner = in_json(pattern)
    if inner is not None and re.fullmatch(inner, escape(text, ampersand=ampersand)):
        assert re.fullmatch(pattern, text)
    field = in_json(f"(?P<target>{pattern})")
    if field is not None and (found := re.fullmatch(field, escape(text, ampersand=ampersand))):
        assert found["target"].replace(AMPERSAND, "&") == text


@pytest.mark.slow
@given(PATTERNS, st.data())
def test_whatever_the_regex_of_escaped_text_takes_is_text_that_the_regex_takes(pattern, data):
    """What it takes is made from it: text by chance seldom fits."""
    field = f"(?P<target>{pattern})"
    for outer, inner in ((pattern, in_json(pattern)), (field, in_json(field))):
        if inner is not None:
            written = data.draw(st.from_regex(inner, fullmatch=True, alphabet=st.characters(codec="utf-8")))
            text = json.loads(f'"{written.replace(AMPERSAND, "&")}"')
            assert re.fullmatch(outer, text)
            if outer is field:
                assert re.fullmatch(inner, written)["target"].replace(AMPERSAND, "&") == text


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one.pattern and one.bulk])
def test_the_regex_of_escaped_text_takes_usual_lines_with_the_same_groups(name):
    lines = (SAMPLES / f"{name}.log").read_text(errors="replace").splitlines()
    usual = [line for line in lines if not re.search(r"[\\<>]", line) and re.fullmatch(PRESETS[name].pattern, line)]
    assert usual
    for line in usual:
        want = re.fullmatch(PRESETS[name].pattern, line).groupdict()
        found = re.fullmatch(in_json(PRESETS[name].pattern), escape(line))
        got = {key: (value or "").replace(AMPERSAND, "&") for key, value in found.groupdict().items()}
        assert got | {"instant": ""} == {key: value or "" for key, value in want.items()} | {"instant": ""}


@pytest.mark.parametrize("pattern", [r"\d", r"\S+", "^a", "a$", "[\x02]", r"[\d]", "[]a]", "(a)\\1"])
def test_what_is_not_known_is_not_guessed(pattern):
    assert in_json(pattern) is None


FRAMES = [
    '{"log":"%s\\n","stream":"stdout","time":"2026-11-22T06:30:48Z"}',
    '{"log":"%s\\n","stream":"stderr","time":"2026-11-22T06:30:48Z"}',
    '{"log":"%s\\n","stream":"stdout","attrs":{"tag":"web"},"time":"2026-11-22T06:30:48.5Z"}',
    '{"stream":"stdout","log":"%s\\n","time":"2026-11-22T06:30:48Z"}',
    '{"log":"%s\\n","stream":"stdout","time":"x\\n","stream":"stdout","time":"y"}',
    '{"log":"%s\\n\\n","stream":"stdout","time":"2026-11-22T06:30:48Z"}',
    '{"__CURSOR":"c","MESSAGE":"%s","__REALTIME_TIMESTAMP":"1"}',
    '{ "_CMDLINE" : "a \\"b\\"", "MESSAGE" : "%s", "_PID" : "7" }',
    '{"MESSAGE":"%s","MESSAGE":"x"}',
    '{"MESSAGE":"%s","CODE_LINE":"7","CONTAINER_ID":"c","PRIORITY":"3"}',
    '{"MESSAGE":"%s","_LINE_BREAK":"eof"}',
    '{"_PID":7,"MESSAGE":"%s","__REALTIME_TIMESTAMP":null}',
    "%s",
]
TEXTS = [
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a?q=1&b=2 HTTP/1.1" 200 5 "-" "curl"',
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a&b/é HTTP/1.1" 200 5 "-" "x<y>"',
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a\\x22 HTTP/1.1" 404 - "-" "a\\\\u0026b"',
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a\x7f HTTP/1.1" 200 5 "-" "\'"',
]
ESCAPES = [r"\u0026", r"\u00e9", r"\\", r"\"", r"\t", r"\/", r"\n", r"\u0041", r"\ud83d", "&", "\x7f", '"', "\\"]


@pytest.mark.parametrize("kind", ["docker", "journal"])
@given(data=st.data())
def test_any_escape_anywhere_is_read_alike_in_bulk(kind, data):
    frame, text, escaped = st.sampled_from(FRAMES), st.sampled_from(TEXTS), st.sampled_from(ESCAPES)
    lines = []
    for _ in range(data.draw(st.integers(1, 4))):
        line = data.draw(frame) % json.dumps(data.draw(text), ensure_ascii=data.draw(st.booleans()))[1:-1]
        line = line.replace("&", r"\u0026") if data.draw(st.booleans()) else line
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, 140))
            line = line[:at] + data.draw(escaped) + line[at:]
        lines.append(line)
    first = (FRAMES[0 if kind == "docker" else 6] % json.dumps(TEXTS[0])[1:-1]).replace("&", r"\u0026")
    columnar = engine(kind)
    each = Reader(PRESETS["combined"], EDGES, envelope=kind)
    data = "\n".join([first, *lines, ""]).encode()
    tally, odd = columnar.take(data)
    counted = sum(numbers[0] for numbers in tally.hits.values())
    assert counted + odd.count(b"\n") == len(lines) + 1
    assert not odd.strip() or set(odd.splitlines()) <= set(data.splitlines())
    assert counted == 0 or not any(opened_as_more(kind, line) for line in taken(data, odd))
    each_tally = each.read(b"".join(line + b"\n" for line in taken(data, odd)))
    assert (each_tally.hits, each_tally.lines) == (tally.hits, tally.lines)


def taken(data, odd):
    rest = odd.splitlines()
    return [line for line in data.split(b"\n")[:-1] if line not in rest or rest.remove(line)]


def opened_as_more(kind, line):
    return OPENERS[kind](line).more


_ENGINES = {}


def engine(kind):
    return _ENGINES.setdefault(kind, Columnar(find_format("combined"), EDGES, kind))
