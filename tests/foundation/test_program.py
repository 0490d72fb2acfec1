"""Commands as programs: one line on stderr for each problem, and the exit code that says which kind it was."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from foundation.errors import OUT_OF_MEMORY, ConfigError, SourceError
from foundation.program import run_command


def run(capsys, callback, *args):
    """Exit code, stdout and stderr of a command with one option."""
    option = click.Option(["--form"], type=click.Choice(["a", "b"]), required=True)
    command = click.Command("tool", callback=lambda **_: callback(), params=[option])
    try:
        run_command("tool", lambda **options: command.main(args, prog_name="tool", **options))
        code = 0
    except SystemExit as exc:
        code = exc.code
    return code, *capsys.readouterr()


def fail(exc):
    raise exc


def made_of(exc, cause):
    exc.__context__ = cause
    return exc


@pytest.mark.parametrize(("given", "want"), [(None, "1"), ("3", "3")])
def test_a_command_gives_openblas_one_thread_unless_the_environment_says_otherwise(monkeypatch, capsys, given, want):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", given or "")
    if given is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    seen = []
    assert run(capsys, lambda: seen.append(os.environ["OPENBLAS_NUM_THREADS"]), "--form", "a") == (0, "", "")
    assert seen == [want]


@pytest.mark.parametrize(
    ("callback", "want"),
    [
        (lambda: None, (0, "")),
        (lambda: click.get_current_context().exit(3), (3, "")),
        (lambda: fail(SourceError("a.log: gone")), (3, "tool: a.log: gone\n")),
        (lambda: fail(ConfigError("f: one", "f: two")), (2, "tool: f: one\ntool: f: two\n")),
        (lambda: fail(ConfigError("a\n\x1b[2Jb: gone")), (2, "tool: a\\n\\x1b[2Jb: gone\n")),
        (lambda: fail(KeyboardInterrupt()), (130, "\n")),
        (lambda: fail(RuntimeError("Query interrupted")), (130, "")),
        (lambda: fail(made_of(ImportError("numpy: half imported"), KeyboardInterrupt())), (130, "")),
        (lambda: fail(ExceptionGroup("", [made_of(ValueError(), KeyboardInterrupt())])), (130, "")),
        (lambda: fail(MemoryError()), (5, f"tool: {OUT_OF_MEMORY}\n")),
        (lambda: fail(ExceptionGroup("", [RuntimeError("can't start new thread")])), (5, f"tool: {OUT_OF_MEMORY}\n")),
    ],
    ids=[
        "well",
        "own-code",
        "error",
        "two-problems",
        "hostile-name",
        "interrupted",
        "in-duckdb",
        "in-import",
        "in-group",
        "memory",
        "threads",
    ],
)
def test_how_a_command_ends(capsys, callback, want):
    code, out, err = run(capsys, callback, "--form", "a")
    assert (code, err) == want
    assert out == ""


def test_clicks_own_errors_are_one_line_with_a_hint(capsys):
    code, out, err = run(capsys, lambda: None)
    assert (code, out) == (2, "")
    assert err == "tool: Missing option '--form'. Choose from: a, b (see tool --help)\n"


def test_a_group_without_a_command_shows_its_help_alone(capsys):
    group = click.Group("tool", commands=[click.Command("run")])
    with pytest.raises(SystemExit) as ended:
        run_command("tool", lambda **options: group.main([], prog_name="tool", **options))
    _, err = capsys.readouterr()
    assert ended.value.code == 2
    assert err.startswith("Usage: tool")
    assert "see tool" not in err


IN_DUCKDB = """
import os, signal, threading
import click, duckdb
from foundation.program import run_command

@click.command()
def long():
    threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
    while True:  # DuckDB looks for signals between its tasks, of which one may take long
        duckdb.execute("SELECT sum(hash(range)) FROM range(3000000)").fetchall()

run_command("x", long)
"""


@pytest.mark.slow
def test_ctrl_c_inside_of_duckdb_is_no_bug():
    """DuckDB makes a plain RuntimeError of it."""
    ended = subprocess.run([sys.executable, "-c", IN_DUCKDB], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.strip()) == (130, b"")


def test_a_bug_is_a_traceback_that_no_terminal_obeys():
    code = (
        "from foundation.program import run_command\n"
        "def broken(**_): raise RuntimeError('\\x1b]0;owned\\x07')\n"
        "run_command('x', broken)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == r"RuntimeError: \x1b]0;owned\x07"


def test_a_runtime_error_of_ours_is_one():
    def broken(**_):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_command("x", broken)


WRITES = """
import click
from foundation.program import run_command
from foundation.terminal import echo
command = click.Command("much", callback=lambda: echo(100_000 * "x"))
run_command("tool", click.Group(commands=[command]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("argument", ["much", "--help"])
def test_output_that_cannot_be_written_is_one_line(argument):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", WRITES, argument], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode, ended.stderr) == (5, b"tool: standard output: No space left on device\n")


UNREAD = """
import os, sys
import click
from foundation.program import run_command
from foundation.terminal import echo
def much(when):
    if when == "later":
        sys.stdout.write("x")  # which is written when the program ends
    else:
        echo(100_000 * "x")
run_command("tool", click.Command("much", callback=much, params=[click.Argument(["when"])]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["now", "later"])
def test_output_that_nobody_reads_ends_a_command_without_a_word(when):
    out, into = os.pipe()
    os.close(out)
    ended = subprocess.run([sys.executable, "-c", UNREAD, when], stdout=into, stderr=subprocess.PIPE, check=False)
    os.close(into)
    assert (ended.returncode, ended.stderr) == (141, b"")
