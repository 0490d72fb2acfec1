"""`exporter` on the command line: what is refused is one line on stderr that says what would be right."""

import errno
import os
import socket
import subprocess
import sys

import pytest

from exporter.cli import main
from foundation.errors import in_words


def run(monkeypatch, capsys, *args):
    monkeypatch.setattr("sys.argv", ["exporter", *args])
    try:
        main()
        code = 0
    except SystemExit as exc:
        code = exc.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("args", "want"),
    [
        (["--config.check"], "--config.check needs --config.file"),
        (["check"], "expected FILE, or --web.config.file, for example exporter check exporter.yml"),
        (["--web.listen-address", "8090"], "invalid address '8090': expected HOST:PORT, for example 127.0.0.1:8090"),
        (["--web.telemetry-path", "metrics"], "'metrics' must start with /"),
        (["--log.level", "loud"], "'loud' is not one of 'debug', 'info', 'warn', 'error'"),
        (["--web.max-requests", "-1"], "-1 is not in the range x>=0"),
        (["chek"], "No such command 'chek'"),
    ],
    ids=["no-file", "nothing", "no-port", "path", "level", "range", "command"],
)
def test_what_cannot_be_is_one_line_and_exit_2(monkeypatch, capsys, args, want):
    code, out, err = run(monkeypatch, capsys, *args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("exporter: ")
    assert want in err


def test_check_says_what_it_found(monkeypatch, capsys, tmp_path):
    path = tmp_path / "exporter.yml"
    path.write_text("state_dir: here\n")
    code, out, err = run(monkeypatch, capsys, "check", str(path))
    assert (code, out) == (0, f"{path}: ok (no sources)\n")
    assert err.endswith(
        f'level=warn component=check msg="{path}: has no source, such as accesslog: nothing would be measured"\n'
    )
    assert err.count("\n") == 1


def test_check_takes_the_web_configuration_of_any_program(monkeypatch, capsys, tmp_path):
    path = tmp_path / "web.yml"
    path.write_text("allowed_hosts: [metrics.example.com]\n")
    assert run(monkeypatch, capsys, "check", "--web.config.file", str(path)) == (0, f"{path}: ok\n", "")
    path.write_text("allowed_hosts: ['*:80']\n")
    code, out, err = run(monkeypatch, capsys, "check", "--web.config.file", str(path))
    assert (code, out) == (2, "")
    assert err.startswith(f"exporter: {path}:1: $: invalid host '*:80': expected a name without a port")


def test_version_and_help_speak_on_stdout(monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "--version")
    assert (code, out.startswith("exporter, version "), err) == (0, True, "")
    code, out, err = run(monkeypatch, capsys, "-h")
    assert (code, "--web.listen-address" in out, err) == (0, True, "")


@pytest.mark.slow
def test_a_reader_that_went_away_is_no_error_to_tell(tmp_path):
    path = tmp_path / "errors.tsv"
    path.write_text("".join(f"{n}\t5.{n % 2}\t{n % 7}\n" for n in range(1000)))
    away, pipe = os.pipe()
    os.close(away)
    command = [sys.executable, "-m", "exporter.cli", "releases", "aggregate", path]
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "[Errno 98] while attempting to bind"), "Address already in use"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (OSError("no number"), "no number"),
    ],
    ids=["taken", "no-such-name", "without-a-number"],
)
def test_a_failed_call_is_told_in_the_systems_words(error, words):
    assert in_words(error) == words
