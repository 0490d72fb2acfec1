"""The system on each input that is not a file: what came is what is counted, over restarts and reloads."""

import asyncio
import os
import socket

import pytest
from journaling import Journal, record
from lifetime import running, until

from exporter.accesslog import Source, System
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import Buckets
from exporter.daemon import load
from exporter.system import Context
from foundation.clock import SystemClock
from foundation.config import parse_config
from foundation.errors import ConfigError, SourceError

LINE = b"192.0.2.1\tGET /\t200\t5"
HEADERS = {
    "nginx": b"<190>Nov 27 06:25:00 web nginx: ",
    "haproxy": b"<134>Nov 27 06:25:00 haproxy[42]: ",
    "rsyslog": b"<190>2026-11-27T06:25:00.123456+01:00 web nginx[7]: ",
    "rfc5424": b'<14>1 2026-11-27T06:25:00Z web nginx 7 - [x@1 a="]\\"" b="c"][y@2 d="e"] ',
    "byte order mark": b"<14>1 2026-11-27T06:25:00Z web nginx - - - \xef\xbb\xbf",
    "no priority": b"Nov 27 06:25:00 web nginx: ",
}


def samples(system, name):
    return {labels: value for f in system.collect() if f.metric.name == name for labels, value in f.series}


def count(system, name="tidewatch_http_requests_total"):
    return sum(samples(system, name).values())


def on(unused_tcp_port, scheme, tmp_path):
    return f"{scheme}://127.0.0.1:{unused_tcp_port}" if scheme in ("udp", "tcp") else f"{scheme}:{tmp_path}/s"


def source(name="site", **place):
    return parse_config(msg(name, place), Source)


def msg(name, place):
    return f"source: {name}\nfrom: start\n" + "".join(f"{key}: {value}\n" for key, value in place.items())


def system_of(*sources):
    return lambda context: System(list(sources), context)


def send(where, *messages):
    scheme, _, rest = where.partition(":")
    kind = socket.SOCK_DGRAM if scheme in ("udp", "unix") else socket.SOCK_STREAM
    is_path = scheme.startswith("unix")
    with socket.socket(socket.AF_UNIX if is_path else socket.AF_INET, kind) as out:
        host, _, port = rest[2:].rpartition(":")
        out.connect(rest if is_path else (host, int(port)))
        for message in messages:
            out.sendall(message)


@pytest.mark.parametrize("scheme", ["udp", "tcp", "unix", "unix-stream"])
@pytest.mark.parametrize("header", HEADERS)
async def test_the_header_of_a_message_is_taken_off(scheme, header, tmp_path, unused_tcp_port):
    where = on(unused_tcp_port, scheme, tmp_path)
    end = b"" if scheme in ("udp", "unix") else b"\n"
    async with running(tmp_path, system_of(source(listen=f"{{syslog: '{where}'}}"))) as system:
        send(where, *[HEADERS[header] + LINE + end] * 5)
        await until(lambda: count(system) == 5)
        assert count(system, "tidewatch_log_lines_total") == 5
        assert samples(system, "tidewatch_log_replayable") == {("site",): 0}
        assert samples(system, "tidewatch_log_readable") == {("site",): 1}


@pytest.mark.parametrize("place", [{"listen": "{syslog: udp://127.0.0.1:1}"}, {"journal": "{units: [nginx]}"}])
def test_an_own_regex_sees_the_text_without_what_is_around_it(place):
    own = source(format=r"'(?P<method>[A-Z]+) (?P<path>\S+) (?P<code>\d+)'", **place)
    reader = Reader(own.parsed_format(), Buckets(own.buckets), envelope=own.lines_in)
    line = HEADERS["nginx"] + b"GET / 200\n" if own.listen else record(1, "GET / 200")
    assert reader.open(line, "x").lines == b"GET / 200\n"


async def test_what_has_come_is_counted_before_the_end_and_kept(tmp_path, unused_tcp_port):
    where = f"udp://127.0.0.1:{unused_tcp_port}"
    listening = source(listen=f"{{syslog: '{where}'}}")
    for run in range(1, 3):
        async with running(tmp_path, system_of(listening)) as system:
            send(where, *[HEADERS["nginx"] + LINE] * 50)
        assert count(system) == 50 * run
        assert count(system, "tidewatch_log_read_bytes_total") == 50 * run * len(HEADERS["nginx"] + LINE + b"\n")


async def test_hostile_messages_are_failed_lines_and_cost_no_other(tmp_path, unused_tcp_port):
    where = f"udp://127.0.0.1:{unused_tcp_port}"
    good = HEADERS["nginx"] + LINE
    async with running(tmp_path, system_of(source(listen=f"{{syslog: '{where}'}}"))) as system:
        send(
            where, good, b"", b"\0" * 100, b"\xff\xfe", b"<999999>", b"<14>1 - - - - -", b"x" * 60_000, good + b"\nGET"
        )
        send(where, good)
        await until(lambda: count(system, "tidewatch_log_lines_total") == 9)
        assert count(system, "tidewatch_log_lines_failed_total") + count(system) == 9
        assert count(system) == 2


async def test_what_is_dropped_is_a_metric_over_restarts(tmp_path, unused_tcp_port):
    where = f"tcp://127.0.0.1:{unused_tcp_port}"
    listening = source(listen=f"{{syslog: '{where}'}}")
    name = "tidewatch_log_dropped_messages_total"
    for run in range(1, 3):
        async with running(tmp_path, system_of(listening)) as system:
            send(where, b"half a message")
            send(where, b"3 <1>x")
            want = {("site", "incomplete"): run, ("site", "framing"): run}
            await until(lambda want=want: samples(system, name) == want)


async def test_a_taken_port_ends_the_start_with_one_clear_line(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        where = f"udp://127.0.0.1:{other.getsockname()[1]}"
        context = Context(tmp_path / "state", SystemClock())
        system = System([source(listen=f"{{syslog: '{where}'}}")], context)
        with pytest.raises(ExceptionGroup) as refused:
            await asyncio.wait_for(system.run(), 20)
        context.close()
    assert refused.group_contains(SourceError, match=f"cannot listen on {where}: the port is taken")


async def test_a_reload_goes_over_from_one_input_to_another_and_counts_on(tmp_path, unused_tcp_port):
    log = tmp_path / "access.log"
    log.write_bytes((LINE + b"\n") * 3)
    where = f"udp://127.0.0.1:{unused_tcp_port}"
    async with running(tmp_path, system_of(source(paths=f"[{log}]"))) as system:
        await until(lambda: count(system) == 3)
        await system.reload([source(listen=f"{{syslog: '{where}'}}")])
        await until(lambda: samples(system, "tidewatch_log_replayable") == {("site",): 0})
        await until(lambda: samples(system, "tidewatch_log_readable") == {("site",): 1})
        send(where, HEADERS["nginx"] + LINE)
        await until(lambda: count(system) == 4)
    async with running(tmp_path, system_of(source(listen=f"{{syslog: '{where}'}}"))) as system:
        assert count(system) == 4


async def test_a_fifo_is_counted_from_one_writer_to_the_next(tmp_path):
    path = tmp_path / "access.fifo"
    os.mkfifo(path)
    async with running(tmp_path, system_of(source(fifo=path))) as system:
        for wanted in range(1, 4):
            with path.open("wb") as writer:
                writer.write(LINE + b"\n")
            await until(lambda wanted=wanted: count(system) == wanted)
        assert samples(system, "tidewatch_log_replayable") == {("site",): 0}


async def test_the_journal_is_counted_once_over_restarts(tmp_path):
    journal = Journal(tmp_path)
    place = f"{{units: [nginx], directory: {journal.directory}, program: {journal.program}}}"
    for run in range(1, 4):
        journal.write(*(record(10 * run + n, LINE.decode()) for n in range(5)))
        async with running(tmp_path, system_of(source(journal=place))) as system:
            await until(lambda run=run: count(system) == 5 * run)
            assert samples(system, "tidewatch_log_replayable") == {("site",): 1}
            assert samples(system, "tidewatch_log_gaps_total") == {("site",): 0}
            assert samples(system, "tidewatch_log_reader_restarts_total") == {("site",): 0}
    assert count(system, "tidewatch_log_lines_failed_total") == 0


async def test_messages_of_the_journal_that_are_bytes_lists_and_null(tmp_path):
    journal = Journal(tmp_path)
    place = f"{{units: [nginx], directory: {journal.directory}, program: {journal.program}}}"
    as_bytes = list(LINE.replace(b"/", b"/\xff"))
    journal.write(record(1, as_bytes), record(2, None), record(3, ["two", "values"]), record(4, LINE.decode()))
    async with running(tmp_path, system_of(source(journal=place))) as system:
        await until(lambda: count(system, "tidewatch_log_lines_total") == 4)
        failed = {reason: n for (_, reason), n in samples(system, "tidewatch_log_lines_failed_total").items() if n}
        assert (count(system), failed) == (2, {"format": 1, "too_long": 1})


@pytest.mark.parametrize(
    ("place", "want"),
    [
        (
            {},
            "$: nothing to read: expected one of paths, listen, stdin, fifo and journal, for example paths: [/var/log",
        ),
        ({"stdin": "true", "fifo": "/x"}, "$: stdin and fifo: expected one of them; make a source of each"),
        ({"paths": "[/x]", "journal": "{units: [a]}"}, "$: paths and journal: expected one of them"),
        ({"listen": "{syslog: udp://127.0.0.1}"}, "$.listen: invalid address '127.0.0.1': expected HOST:PORT"),
        ({"listen": "{tcp: x}"}, "$.listen: unknown key tcp"),
        (
            {"journal": "{units: [a]}", "envelope": "docker"},
            "$: invalid envelope 'docker': expected one that begins with",
        ),
        ({"listen": "{syslog: udp://127.0.0.1:1, message_bytes: 1GiB}"}, "$.listen.message_bytes: invalid size"),
    ],
)
def test_a_place_that_cannot_be_is_refused(place, want):
    with pytest.raises(ConfigError) as refused:
        source(**place)
    assert want in str(refused.value)


def test_only_one_source_reads_the_standard_input(tmp_path):
    (tmp_path / "exporter.yml").write_text(
        "accesslog: [{source: a, stdin: true}]\n"
        "logs: [{source: b, stdin: true, metrics: [{counter: app_lines_total}]}]\n"
    )
    with pytest.raises(ConfigError, match="accesslog: a and logs: b have stdin: true; expected one source"):
        load(tmp_path / "exporter.yml")
