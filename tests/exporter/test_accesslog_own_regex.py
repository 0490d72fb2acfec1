"""Own regexes cost the exporter neither its event loop nor more of the processor than their share, and no line."""

import asyncio
import io
import os
import select
import signal
import subprocess
import sys
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.formats.custom import custom_format
from exporter.accesslog.parse.own_regex import ANSWERER, Answer, OwnRegex, Question
from exporter.accesslog.parse.scalar import tally_normal, tally_while
from exporter.accesslog.tally import Buckets, Tally, normal
from exporter.regexes import main as regex_main
from exporter.regexes.process import (
    CREDIT_S,
    LENGTH,
    SHARE,
    SLICE_BYTES,
    SLICE_S,
    USUAL_LINE_S,
    Message,
    RegexProcess,
)
from foundation.clock import SystemClock

REGEX = r"(?P<method>\S+) (?P<path>\S+) (?P<code>\d+)"
BACKTRACKS = r"(?P<method>\S+) (?P<path>(?:a+)+)b (?P<code>\d+)"
EXPLODES = r"(?P<method>\S+) (?P<path>(?:a+)+)(?!c)b (?P<code>\d+)"  # RE2, which knows better, does not take it
BUCKETS = Buckets((0.1, 1.0))
HOSTILE = b"GET " + b"a" * 40 + b"X 200\n"
LINES = st.lists(st.sampled_from([b"GET / 200", b"GET /a 404", b"", b"junk", b"GET / 20", b"\xff \r 200"]), max_size=20)


@given(LINES, st.integers(0, 5))
def test_slices_of_any_size_amount_to_the_whole(lines, after):
    data = normal(b"".join(line + b"\n" for line in lines))
    format_, total, rest = custom_format(REGEX), Tally(), data
    while rest:
        left = iter(range(after))
        tally, taken_bytes = tally_while(rest, format_, BUCKETS, lambda left=left: next(left, None) is not None)
        assert tally.lines == min(after + 1, rest.count(b"\n"))
        total.merge(tally)
        rest = rest[taken_bytes:]
    assert total == tally_normal(data, format_, BUCKETS)


def test_the_timer_of_regexes_ends_when_none_are_tried():
    tally_normal(b"GET / 200\n", custom_format(REGEX), BUCKETS)
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[1] > 0
    until_s = time.process_time() + 5.0
    while signal.getitimer(signal.ITIMER_VIRTUAL)[1] > 0 and time.process_time() < until_s:
        pass
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


@pytest.mark.slow
def test_a_process_that_has_tried_regexes_ends_in_order():
    """The interpreter takes its signal handlers away before the process ends; from then on, a ring would be fatal."""
    program = (
        "import time\n"
        "from exporter.accesslog.formats.custom import custom_format\n"
        "class Late:\n"
        "    def __del__(self):\n"
        "        until = time.process_time() + 0.2\n"
        "        while time.process_time() < until: pass\n"
        "import sys; sys.late = Late()\n"
        "custom_format('(?P<code>x)').second_look(b'x')\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_nothing_is_no_lines():
    assert tally_while(b"", custom_format(REGEX), BUCKETS, lambda: True) == (Tally(), 0)


def question(data, *, regex=REGEX, slice_s=10.0):
    return msgspec.msgpack.encode(Question(regex, 1_000_000_000, BUCKETS.bounds_s, data, slice_s))


def test_the_process_answers_one_message_with_one():
    asked = [question(b"GET / 200\n" * 3), question(b""), question(b"junk\n" * 9, slice_s=0.0)]
    payloads = [msgspec.msgpack.encode(Message(ANSWERER, one)) for one in asked]
    answers = io.BytesIO()
    regex_main.serve(io.BytesIO(b"".join(LENGTH.pack(len(p)) + p for p in payloads)), answers)
    answers.seek(0)
    got = []
    while header := answers.read(LENGTH.size):
        got.append(msgspec.msgpack.decode(answers.read(*LENGTH.unpack(header)), type=Answer))
    assert [(one.tally.lines, one.tally.failed, one.taken_bytes) for one in got] == [
        (3, {}, 30),
        (0, {}, 0),
        (1, {"format": 1}, 5),  # its time is over after a line
    ]


class HeldClock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.time_s = 100.0

    def monotonic(self):
        return self.time_s

    async def sleep_until(self, due_s):
        self.time_s = max(self.time_s, due_s)


class Costly:
    """A process whose lines take so long each, a given number of them to a slice."""

    def __init__(self, clock, line_s, lines):
        self.clock, self.line_s, self.lines, self.used_s = clock, line_s, lines, 0.0

    async def ask(self, answerer, question):
        assert answerer == ANSWERER
        asked = msgspec.msgpack.decode(question, type=Question)
        taken = asked.data.split(b"\n")[:-1][: self.lines]
        used_s = self.line_s * len(taken)
        self.used_s += used_s
        self.clock.time_s += used_s
        return msgspec.msgpack.encode(Answer(Tally(lines=len(taken)), sum(len(line) + 1 for line in taken), used_s))


@pytest.mark.parametrize("line_s", [0.001, 0.05, 0.25])
async def test_a_log_whose_lines_take_long_has_its_share_of_the_processor(line_s):
    clock = HeldClock()
    process = Costly(clock, line_s, lines=4)
    own = OwnRegex(process, clock, custom_format(EXPLODES), BUCKETS)
    for _ in range(50):
        assert (await own.tally(HOSTILE * 20)).lines == 20
    assert process.used_s == pytest.approx(1000 * line_s)
    elapsed_s = clock.time_s - 100.0
    assert process.used_s - 1000 * USUAL_LINE_S <= elapsed_s * SHARE + CREDIT_S
    assert elapsed_s <= process.used_s / SHARE


async def test_a_log_whose_lines_are_usual_never_waits():
    clock = HeldClock()
    process = Costly(clock, USUAL_LINE_S, lines=1000)
    own = OwnRegex(process, clock, custom_format(REGEX), BUCKETS)
    for _ in range(100):
        await own.tally(b"GET / 200\n" * 1000)
    assert clock.time_s - 100.0 == pytest.approx(process.used_s)


async def test_what_is_asked_at_once_is_bounded():
    clock = HeldClock()
    sizes = []

    class Sizes(Costly):
        async def ask(self, answerer, question):
            asked = msgspec.msgpack.decode(question, type=Question)
            sizes.append(len(asked.data))
            assert asked.slice_s == SLICE_S
            return await super().ask(answerer, question)

    own = OwnRegex(Sizes(clock, 0.0, lines=10**9), clock, custom_format(REGEX), BUCKETS)
    tally = await own.tally(b"GET / 200\n" * 100_000)
    assert (tally.lines, max(sizes) <= SLICE_BYTES) == (100_000, True)


@pytest.fixture
async def process():
    made = RegexProcess(SystemClock())
    yield made
    await made.close()
    assert made._process is None


@pytest.mark.slow
class TestARealProcess:
    async def test_it_counts_as_the_batch_tools_do(self, process):
        data = b"GET / 200\njunk\nGET /a 404\r\n" * 1000
        got = await OwnRegex(process, SystemClock(), custom_format(REGEX), BUCKETS).tally(data)
        assert got == tally_normal(normal(data), custom_format(REGEX), BUCKETS)

    async def test_hostile_lines_leave_the_loop_free_and_another_log_its_turn(self, process):
        hostile = OwnRegex(process, SystemClock(), custom_format(EXPLODES), BUCKETS)
        other = OwnRegex(process, SystemClock(), custom_format(REGEX), BUCKETS)
        task = asyncio.create_task(hostile.tally(HOSTILE * 20 + b"GET aab 200\n"))
        turns = 0
        while not task.done():
            assert (await other.tally(b"GET / 200\n")).lines == 1
            turns += 1
        assert ((await task).failed, turns > 2) == ({"slow": 20}, True)
        assert (await task).hits == {(b"GET", b"aa", b"200"): [1, 0, 0]}

    async def test_a_process_that_is_killed_is_started_again_and_the_lines_count_once(
        self, process, caplog, monkeypatch
    ):
        monkeypatch.setattr("exporter.regexes.process.RETRY_S", 0.0)
        own = OwnRegex(process, SystemClock(), custom_format(EXPLODES), BUCKETS)
        await own.tally(b"GET aab 200\n")
        task = asyncio.create_task(own.tally(HOSTILE * 3))
        await asyncio.sleep(0)
        process._process.kill()
        assert (await task).failed == {"slow": 3}
        assert sum("user-defined regexes ended" in record.getMessage() for record in caplog.records) == 1

    async def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next(self, process):
        own = OwnRegex(process, SystemClock(), custom_format(EXPLODES), BUCKETS)
        await own.tally(b"GET aab 200\n")
        task = asyncio.create_task(own.tally(HOSTILE * 3))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert (await own.tally(b"GET ab 200\n")).lines == 1

    async def test_it_is_of_low_priority_and_bounded_in_memory(self, process):
        await process.ask(ANSWERER, question(b"GET / 200\n"))
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process._process.pid) >= min(19, own + regex_main.NICENESS)
        hungry = r"(?P<code>\d+) (?:(a)|(b))*c"
        asked = question(b"200 " + b"ab" * 500_000 + b"\nGET\n", regex=hungry)
        answer = msgspec.msgpack.decode(await process.ask(ANSWERER, asked), type=Answer)
        assert sum(answer.tally.failed.values()) == answer.tally.lines

    def test_it_ends_with_the_exporter_however_that_ends(self):
        code = f"""
import asyncio, msgspec
from exporter.accesslog.parse.own_regex import ANSWERER, Question
from exporter.regexes.process import RegexProcess
from foundation.clock import SystemClock
async def main():
    process = RegexProcess(SystemClock())
    await process.ask(ANSWERER, msgspec.msgpack.encode(Question({REGEX!r}, 1, (1.0,), b"", 1.0)))
    print(process._process.pid, flush=True)
    question = Question({EXPLODES!r}, 1, (1.0,), {HOSTILE!r} * 1000, 1000.0)
    await process.ask(ANSWERER, msgspec.msgpack.encode(question))
asyncio.run(main())
"""
        parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        child = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            parent.communicate()
            assert select.select([child], [], [], 30.0)[0] == [child]
        finally:
            os.close(child)
