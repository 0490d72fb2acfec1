"""The error stream: seeded, with the regressions that were asked for, and a truth that is what was sent."""

import json
import socket
import threading
from collections import Counter
from itertools import islice

import pytest
from click.testing import CliRunner

from foundation.errors import ConfigError, TidewatchError
from trafficgen.feeds.releases import Regression, TcpSink, command, make_shape, parse_regression, seconds


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("code=3 x2 at 30m", Regression(3, 2.0, 1800.0, float("inf"))),
        ("code=-1 x0.5 at 90 for 1m30s", Regression(-1, 0.5, 90.0, 180.0)),
        ("code=2 x5 at 45s for 30s every 6m", Regression(2, 5.0, 45.0, 75.0, 360.0)),
    ],
)
def test_regressions_are_read(text, want):
    assert parse_regression(text) == want


@pytest.mark.parametrize(
    "text",
    ["", "code=x x2 at 3", "code=3 at 30m", "code=3 x1e9 at 30m", "code=3 x2 at soon", "code=3 x2 at 1 for 9 every 8"],
)
def test_a_regression_that_cannot_be_is_refused(text):
    with pytest.raises(ConfigError):
        parse_regression(text)


@pytest.mark.parametrize(("second", "want"), [(44, 1), (45, 5), (74, 5), (75, 1), (404, 1), (405, 5), (435, 1)])
def test_a_regression_begins_again_and_ends_again(second, want):
    assert Regression(2, 5.0, 45.0, 75.0, 360.0).factor_at(second) == want


def test_a_regression_of_a_code_that_is_not_sent_is_refused():
    with pytest.raises(ConfigError, match="code 99 is not sent"):
        make_shape(2, 5, 10.0, [parse_regression("code=99 x2 at 1s")])


def test_the_same_seed_gives_the_same_stream_and_another_another():
    made = make_shape(2, 33, 40.0, [])
    first, again, other = (list(islice(seconds(made, seed), 50)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.slow
def test_the_rates_are_those_asked_for_and_the_regression_is_in_the_newest_build_only():
    """10,000 seconds of known seed: counts within five standard deviations of what was asked."""
    made = make_shape(2, 3, 30.0, [Regression(-2, 3.0, 0.0, 10_000.0)])
    counts = Counter()
    for drawn in islice(seconds(made, 7), 10_000):
        for build, code, count in drawn:
            counts[build, code] += count
    old, new = made.builds
    for i, code in enumerate(made.codes):
        want = made.weights[i] * 15.0 * 10_000
        assert abs(counts[old, code] - want) < 5 * want**0.5
        factor = 3.0 if code == -2 else 1.0
        assert abs(counts[new, code] - want * factor) < 5 * (want * factor) ** 0.5


def test_a_file_holds_what_its_truth_says(tmp_path):
    path = tmp_path / "errors.tsv"
    args = ["--to", str(path), "--duration", "2m", "--seed", "5", "--regression", "code=0 x4 at 1m"]
    result = CliRunner().invoke(command, args)
    assert result.exit_code == 0, result.output
    header, *lines = path.read_text().splitlines()
    truth = json.loads((tmp_path / "truth.json").read_text())
    got = Counter(tuple(line.split("\t")[1:]) for line in lines)
    assert header == "Timestamp\tBuild_Version\tError_Code"
    assert got == {(build, code): n for build, codes in truth["counts"].items() for code, n in codes.items()}
    assert (truth["sent"], truth["finished"], truth["seed"]) == (len(lines), True, 5)
    assert truth["regressions"] == [{"code": 0, "factor": 4.0, "start_s": 60.0, "stop_s": None, "every_s": None}]


def receiver(answer):
    """Reads one connection to its end, and answers."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection, listener:
            while data := connection.recv(1 << 16):
                lines.append(data)
            connection.sendall(answer(b"".join(lines)))

    lines = []
    thread = threading.Thread(target=serve)
    thread.start()
    return listener.getsockname()[1], thread


def told(data):
    return json.dumps({"taken": data.count(b"\n") - 1, "late": 1, "refused_count": 0}).encode() + b"\n"


@pytest.mark.parametrize(
    ("answer", "want"),
    [(told, 0), (lambda _: b"", 1), (lambda _: b'{"taken":1}', 1), (lambda _: b"hello", 1)],
    ids=["all", "nothing", "fewer", "no-json"],
)
def test_over_tcp_a_run_is_finished_only_if_all_of_it_was_acknowledged(tmp_path, answer, want):
    port, thread = receiver(answer)
    truth = tmp_path / "truth.json"
    args = ["--to", f"tcp://127.0.0.1:{port}", "--rate", "300", "--duration", "0.5s", "--truth", str(truth)]
    result = CliRunner().invoke(command, args)
    thread.join()
    assert (result.exit_code, json.loads(truth.read_text())["finished"]) == (want, want == 0)
    if want:
        assert "lines were sent" in str(result.exception)


@pytest.mark.parametrize(
    "target", ["http://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "http://127.0.0.1:99999/ingest", "http://[::1/"]
)
def test_an_address_that_is_none_is_refused(target):
    got = CliRunner().invoke(command, ["--to", target, "--duration", "1"])
    assert isinstance(got.exception, ConfigError)
    assert "no host and port" in str(got.exception)


@pytest.mark.parametrize("target", ["http://u:hush@127.0.0.1:1/ingest", "tcp://u:hush@127.0.0.1:1", "tcp://u:hush@h"])
def test_a_password_in_the_address_is_refused_and_not_repeated(target):
    got = CliRunner().invoke(command, ["--to", target, "--duration", "1"])
    assert isinstance(got.exception, ConfigError)
    assert "hush" not in str(got.exception)


def test_a_truth_that_cannot_be_written_is_told_by_its_name(tmp_path):
    truth = tmp_path / "nowhere" / "truth.json"
    got = CliRunner().invoke(command, ["--to", str(tmp_path / "errors.tsv"), "--duration", "1", "--truth", str(truth)])
    assert isinstance(got.exception, TidewatchError)
    assert str(got.exception) == f"{truth}: No such file or directory"


def test_a_receiver_that_hangs_up_at_the_token_is_one_line_and_no_open_socket(monkeypatch):
    class Gone(socket.socket):
        def sendall(self, _data):
            raise ConnectionResetError(104, "Connection reset by peer")

    with Gone() as gone:
        monkeypatch.setattr(socket, "create_connection", lambda *_, **__: gone)
        with pytest.raises(TidewatchError, match=r"^tcp://there:1: Connection reset by peer$"):
            TcpSink("there", 1, "secret")
        assert gone.fileno() == -1
