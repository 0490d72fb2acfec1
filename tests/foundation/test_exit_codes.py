"""One table of exit codes: the same cause ends every command with the same code, and one line on stderr."""

import os
import socket
import sys
from pathlib import Path

import pytest
from command_tree import COMMANDS, ROOTS

from foundation.exits import Exit
from foundation.program import run_command

YAML = "accesslog:\n- source: site\n  paths: [log]\n"
LINE = '127.0.0.1 - - [01/Nov/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
BEATS = "".join(
    f'{{"event": "heartbeat", "serverId": 1, "workload": 0.5, "time": {time}}}\n' for time in (1455494400, 1455494460)
)
ERRORS = "0:00:01\t5.1\t3\n0:00:02\t5.2\t4\n"
RATES = "1793491200\t5\t0\t0\n1793491300\t6\t0\t0\n"

READING = """
exporter --config.file FILE
exporter --config.file FILE --config.check
exporter --config.file ok.yml --web.config.file FILE --web.listen-address 127.0.0.1:0
exporter check FILE
exporter check ok.yml --web.config.file FILE
exporter summary FILE
exporter summary log --config.file FILE
exporter backfill FILE
exporter backfill log --config.file FILE
exporter explain FILE
exporter explain log --config.file FILE
exporter infer FILE
exporter infer log --server-config FILE
exporter hosting report FILE
exporter hosting report log --plans FILE
exporter hosting report log --maintenance FILE
exporter logs explain log --config.file FILE
exporter logs summary log --config.file FILE
exporter releases aggregate FILE
exporter releases report FILE
exporter releases heatmap FILE --output a.png
exporter releases heatmap FILE --follow
exporter releases report --prometheus http://127.0.0.1:9 --query x --from 2026-01-01 --token-file FILE
exporter routes list --config.file FILE
exporter routes forget --config.file FILE --refused
exporter stores load --database db --status FILE
exporter stores load --database db --from-kuma FILE
exporter stores report --database FILE
collector --url http://127.0.0.1:9/ --duration 1s --token-file FILE
plot FILE --csv -
timeserver --port 0 --web.config.file FILE
trafficgen --url http://127.0.0.1:9/ --rps 1 --duration 1 --targets FILE
trafficgen --url http://127.0.0.1:9/ --rps 1 --duration 1 --body FILE
trafficgen --url http://127.0.0.1:9/ --rps 1 --duration 1 --header @FILE
trafficgen --url http://127.0.0.1:9/ --rps 1 --duration 1 --pattern like:FILE
trafficgen run FILE
trafficgen plan --scenario FILE
trafficgen plan --rps 1 --targets FILE
trafficgen replay FILE --url http://127.0.0.1:9/
trafficgen merge FILE
trafficgen compare FILE FILE
trafficgen import-har FILE
trafficgen feed releases --to http://127.0.0.1:9/ingest --duration 1s --token-file FILE
alerts slo generate --slo FILE --output -
alerts slo export --slo FILE
alerts slo import FILE
alerts receiver --port 0 --planned FILE
dashboards grafana-check http://127.0.0.1:9 --log FILE
dashboards grafana-check http://127.0.0.1:9 --token-file FILE
""".strip().splitlines()

LISTENING = """
exporter --config.file ok.yml --web.listen-address 127.0.0.1:PORT
exporter stores serve --database db --port PORT
timeserver --port PORT
alerts receiver --port PORT
dashboards preview --port PORT
trafficgen --url http://127.0.0.1:9/ --rps 1 --duration 1 --metrics-address 127.0.0.1:PORT
""".strip().splitlines()

ASKING = """
exporter releases report --prometheus http://127.0.0.1:PORT --query x --from 2026-01-01
exporter stores load --database db --from-prometheus http://127.0.0.1:PORT --query x --from 2026-11-26 --to 2026-11-27
collector --url http://127.0.0.1:PORT/ --interval 10ms --duration 10ms
trafficgen --url http://127.0.0.1:PORT/ --rps 1 --duration 1 --metrics-address off
trafficgen replay log --url http://127.0.0.1:PORT/ --metrics-address off
trafficgen verify --exporter http://127.0.0.1:PORT
dashboards query-all --prometheus http://127.0.0.1:PORT
dashboards grafana-check http://127.0.0.1:PORT
""".strip().splitlines()

CONFIGURED = """
exporter --config.file FILE --web.listen-address 127.0.0.1:0
exporter --config.file FILE --config.check
exporter check FILE
exporter check --web.config.file FILE
exporter summary log --config.file FILE
exporter backfill log --config.file FILE
exporter explain log --config.file FILE
exporter infer log --server-config FILE
exporter hosting report log --plans FILE
exporter hosting report log --maintenance FILE
exporter logs explain log --config.file FILE
exporter logs summary log --config.file FILE
exporter routes list --config.file FILE
exporter stores serve --database db --port 0 --web.config.file FILE
timeserver --port 0 --web.config.file FILE
trafficgen --url http://127.0.0.1:9/ --rps 1 --duration 1 --targets FILE
trafficgen run FILE
trafficgen plan --scenario FILE
alerts slo generate --slo FILE --output -
alerts slo export --slo FILE
alerts slo import FILE
alerts receiver --port 0 --planned FILE
alerts receiver --port 0 --web.config.file FILE
dashboards preview --port 0 --web.config.file FILE
""".strip().splitlines()

JUDGING = """
exporter hosting report empty
exporter releases aggregate empty
exporter releases report empty
exporter releases heatmap empty --output a.png
plot empty --csv -
""".strip().splitlines()

WRITING = """
exporter infer log --output WHERE
exporter hosting report hosting --output WHERE
exporter releases report errors --output WHERE
exporter releases heatmap errors --output WHERE.png
plot rates --csv WHERE
trafficgen plan --rps 1 --duration 1s --output WHERE
alerts slo generate --output WHERE
""".strip().splitlines()


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Runs a command line in a folder of its own; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    texts = {"ok.yml": YAML, "log": LINE * 3, "empty": "", "hosting": BEATS, "errors": ERRORS, "rates": RATES}
    for name, text in texts.items():
        Path(name).write_text(text)
    Path("folder").mkdir()

    def run(line):
        name, *words = line.split()
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        try:
            run_command(name, lambda **how: ROOTS[name].main(words, prog_name=name, **how))
        except SystemExit as exc:
            return exc.code, *capfd.readouterr()
        return 0, *capfd.readouterr()

    return run


def one_line(err):
    return err.count("\n") == 1 and "Errno" not in err


@pytest.mark.slow
@pytest.mark.parametrize("line", READING)
@pytest.mark.parametrize("what", ["missing", "folder", "socket"])
def test_a_file_that_cannot_be_read(run, what, line):
    """A socket is there and no folder, and nobody can open it, root neither."""
    if what == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
    code, out, err = run(line.replace("FILE", what))
    assert (code, out, one_line(err), what in err) == (Exit.NOT_READ, "", True, True), err


@pytest.mark.slow
def test_a_file_of_somebody_else(run):
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    Path("closed").write_text("")
    Path("closed").chmod(0)
    for line in READING:
        code, out, err = run(line.replace("FILE", "closed"))
        assert (code, out, one_line(err)) == (Exit.NOT_READ, "", True), (line, err)


@pytest.mark.slow
@pytest.mark.parametrize("line", LISTENING)
def test_a_port_that_is_taken(run, line):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = run(line.replace("PORT", str(taken.getsockname()[1])))
    assert (code, out, "the port is taken" in err, "Traceback" in err) == (Exit.NOT_READ, "", True, False), err


@pytest.mark.slow
@pytest.mark.parametrize("line", ASKING)
def test_a_peer_that_does_not_answer(run, line):
    with socket.socket() as closed:  # bound, so that nobody else listens there, and refusing
        closed.bind(("127.0.0.1", 0))
        code, _, err = run(line.replace("PORT", str(closed.getsockname()[1])))
    assert (code, "Traceback" in err) == (Exit.NOT_READ, False), err


@pytest.mark.slow
@pytest.mark.parametrize("line", CONFIGURED)
def test_a_configuration_that_is_wrong(run, line):
    Path("wrong").write_text("junk: [")
    code, out, err = run(line.replace("FILE", "wrong"))
    assert (code, out, one_line(err), "wrong" in err) == (Exit.USAGE, "", True, True), err


@pytest.mark.slow
@pytest.mark.parametrize("line", JUDGING)
def test_nothing_that_can_be_judged(run, line):
    code, out, err = run(line)
    assert (code, out, one_line(err)) == (Exit.NOTHING_JUDGED, "", True), err


@pytest.mark.slow
@pytest.mark.parametrize("line", WRITING)
@pytest.mark.parametrize("where", ["none/x", "log/x"])
def test_results_that_cannot_be_written(run, line, where):
    """In a folder that does not exist, and in one that is a file."""
    code, out, err = run(line.replace("WHERE", where))
    assert (code, out, where in err, "Traceback" in err) == (Exit.NOT_WRITTEN, "", True, False), err
    assert not Path("none").exists()


@pytest.mark.parametrize("path", COMMANDS)
def test_a_flag_that_is_not_known(run, path):
    code, out, err = run(f"{path} --no-such-flag")
    assert (code, out, err.count("\n")) == (Exit.USAGE, "", 1), err
    assert "No such option" in err


def test_the_table_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md").read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    shown = {int(code): words.strip() for code, words in rows if "-" not in code}
    for one in Exit:
        assert one.words in shown[one], one
