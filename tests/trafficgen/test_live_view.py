"""The live view: what it shows, where it shows nothing, and the terminal that it leaves."""

import asyncio
import errno
import fcntl
import io
import os
import re
import signal
import struct
import sys
import termios
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from trafficgen.live_view import Figures, History, LiveView, render, sparkline
from trafficgen.meter.meter import Meter

FIGURES = Figures(
    elapsed_s=72.4,
    duration_s=90.0,
    stopping=False,
    phase="surge",
    planned_per_s=1500.0,
    sent_per_s=1498.6,
    rates=[0.0, 187.4, 187.6, 750.0, 1500.8],
    sent=54_321,
    in_flight=12,
    connections=8,
    codes={500: 7, 200: 54_000, 404: 296, 503: 0},
    no_answer={"timeout": 4, "reset": 2, "closed": 0},
    dropped={"behind": 0, "in_flight": 5},
    ended=7_490,
    p50_s=0.00123,
    p99_s=0.2504,
)
# an eighth of 1,500.8 is 187.6: 187.4 is below it, and 750 has 3 whole ones
SCREEN = """\
time     1m12s of 1m30s, 18s left, phase surge
rate     planned 1,500/s, sent 1,499/s, at most 1,501/s in the last minute
          ▁▂▄█
requests sent 54,321, in flight 12, open connections 8
answers  200: 54,000  404: 296  500: 7
failed   no answer 6 (timeout, reset)  dropped 5 (in_flight)
latency  p50 1.23 ms, p99 250 ms from plan, of 7,490 in the last 5 s
"""


def drawn(figures, columns=80, *, blocks=True, **console):
    out = io.StringIO()
    Console(file=out, width=columns, height=24, **console).print(render(figures, columns, blocks=blocks))
    return out.getvalue()


def test_the_view_of_given_figures():
    assert drawn(FIGURES) == SCREEN
    assert SCREEN in (Path(__file__).parents[2] / "docs" / "trafficgen.md").read_text("utf-8")


def test_it_fits_80_columns_and_24_rows_whatever_the_figures():
    huge = FIGURES._replace(
        phase="p" * 200,
        planned_per_s=1e12,
        sent_per_s=1e12,
        rates=[1e12] * 60,
        sent=10**15,
        codes=dict.fromkeys(range(100, 1000), 10**12),
        no_answer={f"reason_{n}": 10**12 for n in range(30)},
        p99_s=None,
    )
    lines = drawn(huge).splitlines()
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80
    assert lines[2] == " " * 9 + "█" * 60


@pytest.mark.parametrize("columns", [1, 9, 40, 79])
def test_a_narrow_window_cuts_lines_and_wraps_none(columns):
    lines = drawn(FIGURES, columns).splitlines()
    assert len(lines) == 7
    assert max(map(len, lines)) <= columns


def test_codes_that_do_not_fit_are_a_sum():
    line = drawn(FIGURES._replace(codes={500: 7, 200: 54_000, 503: 1, 404: 296}), 40).splitlines()[4]
    assert line == "answers  200: 54,000  other codes: 304"


def test_ascii_where_the_terminal_has_no_more():
    assert drawn(FIGURES, blocks=False).isascii()
    assert sparkline([0, 1, 8], blocks=False) == " :@"


@pytest.mark.parametrize(
    ("changed", "want"),
    [
        ({"stopping": True}, "1m12s of 1m30s, stopped: waiting for the last answers"),
        ({"elapsed_s": 90.2}, "1m30s of 1m30s, waiting for the last answers"),
        ({"duration_s": None}, "1m12s, until stopped"),
    ],
    ids=["stopped", "over", "endless"],
)
def test_the_time_that_remains(changed, want):
    assert drawn(FIGURES._replace(phase="", **changed)).splitlines()[0] == f"time     {want}"


def test_nothing_measured_has_no_figure():
    nothing = FIGURES._replace(codes={200: 0}, rates=(), ended=0, p50_s=None, p99_s=None, no_answer={}, dropped={})
    lines = drawn(nothing).splitlines()
    assert lines[4:] == [
        "answers  none",
        "failed   no answer 0  dropped 0",
        "latency  p50 -, p99 - from plan, of 0 in the last 5 s",
    ]


def test_no_colour_where_the_environment_says_so():
    terminal = {"force_terminal": True, "color_system": "standard"}
    assert "\x1b[31m" in drawn(FIGURES, **terminal, no_color=False)
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d[;m]", drawn(FIGURES, **terminal, no_color=True))


def a_run(meter=None, elapsed_s=1.0):
    """What the view asks of a run."""
    return SimpleNamespace(
        meter=meter or Meter(("/",)),
        elapsed_s=lambda: elapsed_s,
        stopping=False,
        phase=lambda: "load",
        phase_names=("load",),
        planned_rate=lambda: 10.0,
        connections=lambda: 1,
    )


def test_rates_are_of_two_seconds_and_latencies_of_five():
    meter, history = Meter(("/",)), History(60.0)
    taken = []
    for tick in range(1, 21):  # one request each half second; those of the first five seconds are slow
        meter.late_ns.append(0)
        if tick == 20:
            meter.late_ns.extend([0] * 4)
        meter.plan_ns.append(10**9 if tick <= 10 else 10**6)
        meter.ended.append(0)
        taken.append(history.take(a_run(meter, tick / 2)))
    assert [figures.sent_per_s for figures in taken] == [2.0] * 19 + [(24 - 16) / 2]
    assert taken[-1].rates == (*[2.0] * 9, 4.0)
    assert (taken[9].ended, taken[9].p50_s) == (10, pytest.approx(1.0, rel=0.005))
    assert (taken[-1].ended, taken[-1].p50_s, taken[-1].p99_s) == (10, *[pytest.approx(0.001, rel=0.005)] * 2)
    assert taken[18].p99_s == pytest.approx(1.0, rel=0.005)  # one slow request of ten is still in the window


@pytest.fixture
def terminal(monkeypatch):
    """A terminal as stderr, and what was written to it since the last call."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    master, slave = os.openpty()

    def written():
        os.write(slave, b"\0")  # comes out after all that was written before
        data = b""
        while not data.endswith(b"\0"):
            data += os.read(master, 1 << 16)
        return data[:-1].decode()

    with os.fdopen(slave, "w", encoding="utf-8") as stderr:

        def view(**options):  # in the test itself: pytest sets stderr anew between a fixture and its test
            monkeypatch.setattr(sys, "stderr", stderr)
            return LiveView(10.0, **options)

        yield SimpleNamespace(view=view, written=written, slave=slave, stderr=stderr)


def test_a_terminal_is_drawn_on_and_left_as_it_was(terminal):
    with terminal.view() as view:
        assert terminal.written() == ""  # before the first request
        view.update(a_run())
        shown = terminal.written()
    left = terminal.written()
    assert "planned 10/s" in shown
    assert shown.startswith("\x1b[?25l")
    assert left.endswith("\x1b[?25h" + "\r" + "\x1b[1A\x1b[2K" * 7)


@pytest.mark.parametrize(("term", "quiet"), [("dumb", False), ("xterm", True)], ids=["dumb", "quiet"])
def test_a_terminal_on_which_nothing_is_shown(terminal, monkeypatch, term, quiet):
    monkeypatch.setenv("TERM", term)
    with terminal.view(quiet=quiet) as view:
        view.update(a_run())
    assert terminal.written() == ""


def test_nothing_is_shown_in_a_file(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with LiveView(10.0) as view:
        view.update(a_run())
    assert sys.stderr.getvalue() == ""


def test_a_terminal_that_is_halted_holds_nobody_up(terminal):
    with terminal.view() as view:
        termios.tcflow(terminal.slave, termios.TCOOFF)  # as Ctrl-S does
        updated = threading.Thread(target=view.update, args=(a_run(),), daemon=True)
        updated.start()
        updated.join(30)
        held = updated.is_alive()
        termios.tcflow(terminal.slave, termios.TCOON)
        assert not held
        assert terminal.written() == ""
        view.update(a_run())
        assert "planned 10/s" in terminal.written()


def test_a_terminal_that_is_lost_ends_the_view_alone(terminal, monkeypatch):
    def lost(_text):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with terminal.view() as view:
        view.update(a_run())
        assert "planned 10/s" in terminal.written()
        monkeypatch.setattr(terminal.stderr, "write", lost)
        view.update(a_run())
        assert sys.stderr is terminal.stderr  # no longer the view's
        view.update(a_run())
        monkeypatch.undo()
    assert terminal.written() == ""


def screen(written):
    """(rows, whether the cursor is shown) of a terminal that starts empty; knows what the view uses."""
    rows, row, column, cursor = [""], 0, 0, True
    for part in re.finditer(r"\x1b\[([?\d;]*[A-Za-z])|([\r\n]|[^\x1b\r\n]+)", written):
        action, plain = part[1] or "", part[2]
        if plain == "\r":
            column = 0
        elif plain == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif plain:
            rows[row] = rows[row][:column].ljust(column) + plain + rows[row][column + len(plain) :]
            column += len(plain)
        elif action == "2K":
            rows[row] = ""
        elif action.endswith("A"):
            row -= int(action[:-1])
        elif action in ("?25l", "?25h"):
            cursor = action == "?25h"
        else:
            assert action.endswith("m"), action
    return [line for line in rows if line], cursor


def end_by_signal(process):
    process.send_signal(signal.SIGINT)


def end_by_a_lost_worker(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)


STOPPING = "trafficgen: stopping; waiting for last answers (a second signal ends at once)"
LOST = r"trafficgen: worker \d was lost \(exit code -9\); the run is invalid"


async def started(url, *arguments):
    """A run on a terminal of its own, what it has written there, and how to wait for what it writes."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    unset = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"TERM": "xterm"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "utf8", "-m", "trafficgen.cli", "--url", url, "--rps", "200",
        "--metrics-address", "off", *arguments, env=environment, process_group=0,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    written, more = bytearray(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def read():
        while True:
            try:
                data = os.read(master, 1 << 16)
            except OSError:  # EIO: the last writer has gone
                os.close(master)
                return
            written.extend(data)
            loop.call_soon_threadsafe(more.set)

    async def until(done):
        while not done(bytes(written)):
            more.clear()
            await more.wait()

    reading = asyncio.create_task(asyncio.to_thread(read))
    return SimpleNamespace(process=process, written=written, until=until, reading=reading)


@pytest.mark.e2e
async def test_ctrl_z_leaves_the_terminal_to_the_shell_and_fg_shows_the_view_again(site):
    async with asyncio.timeout(60):
        run = await started(site.url)
        await run.until(lambda written: b"200: " in written)
        run.process.send_signal(signal.SIGTSTP)
        await asyncio.to_thread(os.waitid, os.P_PID, run.process.pid, os.WSTOPPED | os.WNOWAIT)
        await run.until(lambda written: screen(written.decode()) == ([], True))
        run.process.send_signal(signal.SIGCONT)
        await run.until(lambda written: written.count(b"\x1b[?25l") == 2)
        run.process.send_signal(signal.SIGINT)
        out, _ = await run.process.communicate()
        await run.reading
    rows, cursor = screen(run.written.decode())
    assert ("".join(rows), cursor) == (STOPPING, True)
    assert b"latency from plan" in out


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("arguments", "end", "want", "reported"),
    [
        pytest.param(["--duration", "2s"], None, "", True, id="by-itself"),
        pytest.param(["--duration", "2s", "--quiet"], None, "", True, id="quiet"),
        pytest.param([], end_by_signal, re.escape(STOPPING), True, id="signal"),
        pytest.param(["--workers", "2"], end_by_signal, re.escape(STOPPING), True, id="signal-to-two"),
        pytest.param(["--workers", "2"], end_by_a_lost_worker, LOST, False, id="error"),
    ],
)
async def test_a_run_leaves_a_clean_terminal_and_its_report_on_stdout(site, arguments, end, want, reported):
    async with asyncio.timeout(60):
        run = await started(site.url, *arguments)
        if "--quiet" not in arguments:
            await run.until(lambda written: b"200: " in written)
        if end:
            end(run.process)
        out, _ = await run.process.communicate()
        await run.reading
    written = run.written
    rows, cursor = screen(written.decode())
    assert re.fullmatch(want, "".join(rows))  # a long line is in several
    assert cursor
    assert (b"planned" in written) is ("--quiet" not in arguments)
    assert (b"latency from plan" in out) is reported
    assert b"\x1b" not in out
