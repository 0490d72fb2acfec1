import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from alerts.cli import main
from foundation.errors import TidewatchError


def test_a_taken_port_is_one_line_that_says_which():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["receiver", "--port", str(port)])
    assert isinstance(done.exception, TidewatchError)
    assert done.exception.exit_code == 3
    assert str(done.exception) == (
        f"cannot listen on 127.0.0.1:{port}: the port is taken; choose another with --host or --port"
    )


@pytest.mark.parametrize(
    "arguments", [["--port", "70000"], ["--port", "x"], ["--heartbeat-timeout", "0"], ["--heartbeat-timeout", "nan"]]
)
def test_a_flag_that_cannot_be_is_refused_with_what_can(arguments):
    done = CliRunner().invoke(main, ["receiver", *arguments])
    assert done.exit_code == 2
    assert arguments[0] in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_the_receiver_in_order(number):
    command = [sys.executable, "-m", "alerts", "receiver", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert "listening on http://127.0.0.1:" in running.stderr.readline()
        running.send_signal(number)
        assert running.wait(20) == 0
        assert running.stdout.read() == ""
        assert running.stderr.read() == "alerts receiver: stopping; a second signal ends at once\n"


@pytest.mark.parametrize("words", [["-h"], ["--version"], ["receiver", "-h"], ["check", "-h"]])
def test_it_says_what_it_is(words):
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 0
    assert found.output.startswith(("Usage: ", "alerts, version "))
