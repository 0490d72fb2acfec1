"""The demo's promises about its processes: they start together, and none outlives the others."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
import stack as stack_module
from conftest import ROOT, start_demo, start_stack, wait_until_gone
from honcho.environ import parse_procfile
from stack import Stack, StackError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
WITHIN_S = 100  # a bound for a busy machine; a quiet one needs ten seconds


def test_a_taken_port_tells_who_wants_it_and_who_holds_it(tmp_path):
    stack = Stack(tmp_path, on_free_ports=True)
    with socket.create_server(("127.0.0.1", stack.ports[9090])), pytest.raises(StackError) as caught:
        stack.look_for_free_ports()
    assert f"port {stack.ports[9090]} (Prometheus) is held by pid {os.getpid()} (" in str(caught.value)


STAND_IN = """\
#!{python}
import http.server, json, os, pathlib, sys
state = next(word for word in sys.argv if "paths.data" in word).partition("=")[2]
pathlib.Path(state).with_suffix(".json").write_text(json.dumps([sys.argv[1:], dict(os.environ)]))
if {ends}:
    sys.exit("\\x1b[31mError:\\x1b[0m Could not find config defaults")
handler = type("Handler", (http.server.BaseHTTPRequestHandler,), dict(
    do_GET=lambda self: (self.send_response(200), self.end_headers()), log_message=lambda *_: None))
port = int(next(word for word in sys.argv if "http_port" in word).partition("=")[2])
http.server.HTTPServer(("127.0.0.1", port), handler).serve_forever()
"""


@pytest.fixture
def grafana(tmp_path, monkeypatch):
    """Puts a stand-in for Grafana on PATH, one that ends at once or stays."""

    def put(*, ends):
        program = tmp_path / "with grafana" / "bin" / "grafana"
        (tmp_path / "with grafana" / "conf").mkdir(parents=True, exist_ok=True)
        (tmp_path / "with grafana" / "conf" / "defaults.ini").touch()
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN.format(python=sys.executable, ends=ends))
        program.chmod(0o755)
        return tmp_path / "with grafana"

    monkeypatch.setenv("PATH", str(tmp_path / "with grafana" / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("GF_AUTH_ANONYMOUS_ORG_ROLE", "Admin")
    return put


def test_a_grafana_on_the_machine_joins(tmp_path, grafana):
    home = grafana(ends=False)
    stack = Stack(tmp_path / "state", on_free_ports=True)
    stack.prepare()
    procfile = parse_procfile((tmp_path / "state/run/Procfile").read_text())
    command = procfile.processes["grafana"]
    assert f"grafana server --homepath '{home}' --config" in command
    assert f"http_port={stack.ports[3000]}" in command
    assert f"PROMETHEUS_URL={stack.address('prometheus')} " in command
    assert (tmp_path / "state/grafana/plugins").is_dir(), "Grafana logs an error where it is absent"


def test_a_grafana_whose_port_is_taken_is_left_out(tmp_path, grafana):
    """By the distribution's own service, for one."""
    grafana(ends=False)
    stack = Stack(tmp_path / "state", on_free_ports=True)
    with socket.create_server(("127.0.0.1", stack.ports[3000])):
        stack.look_for_free_ports()
    assert f"its port {stack.ports[3000]} is held by pid {os.getpid()} (" in stack.left_out["grafana"]
    stack.prepare()
    assert "grafana" not in parse_procfile((tmp_path / "state/run/Procfile").read_text()).processes


def test_stops_on_request_and_starts_again_in_the_same_folder(tmp_path, grafana):
    """With a Grafana that ends at once, then with one that is killed later: the others go on."""
    folder = tmp_path / "a folder, with blanks"
    for ends in (True, False):
        grafana(ends=ends)
        demo = start_demo(folder)
        pids = demo.pids
        wait_for_word(folder, "Tidewatch runs")
        if ends:
            assert "Without Grafana: it ended with exit code 1: Error: Could not find config defaults (" in said(folder)
        else:
            assert "Without Grafana" not in said(folder)
            os.kill(demo.pid("grafana"), signal.SIGKILL)
            wait_for_word(folder, "demo: the others go on without Grafana: it ended with exit code 137")
            with urllib.request.urlopen(f"{demo.addresses['prometheus']}/-/ready") as answer:
                assert answer.status == 200
        assert demo.end(signal.SIGINT) == 0
        assert not wait_until_gone(pids, 0.5)
    arguments, environment = json.loads((folder / "grafana.json").read_text())
    assert arguments[0] == "server"
    assert "GF_AUTH_ANONYMOUS_ORG_ROLE" not in environment
    assert environment["TIDEWATCH_BOARDS"] == str(ROOT / "dashboards/json")
    output = said(folder)
    assert "/?range=300" in output
    assert "TRACEBACK" not in output.upper()
    assert "trying again" not in output
    before, _, closing = output.rpartition("\nTidewatch has stopped")
    assert "stopping" not in before, "what the parts say of the end"
    assert closing.count("\n") == 1
    assert "leaked" not in output


def said(folder):
    """What the demo has written to the terminal."""
    return (folder / "output").read_text()


def wait_for_word(folder, word):
    deadline = time.monotonic() + WITHIN_S
    while word not in said(folder):
        assert time.monotonic() < deadline, said(folder)
        time.sleep(0.05)


def test_a_page_that_a_release_lacks_is_not_linked_to(tmp_path, monkeypatch):
    """Debian's Prometheus has /classic/alerts and no /alerts."""
    stack = Stack(tmp_path, on_free_ports=True)
    prometheus = next(s for s in stack.services if s.part == "prometheus")
    for there, linked in (("/alerts", "/alerts"), ("/classic/alerts", "/classic/alerts")):
        monkeypatch.setattr(stack_module, "_answers", lambda url, there=there: url == f"{stack.url(prometheus)}{there}")
        assert stack_module._page(stack, prometheus) == stack.url(prometheus) + linked


@pytest.mark.parametrize("victim", ["stack.py", "honcho", "timeserver", "prometheus"])
def test_a_kill_of_one_ends_all(tmp_path, victim):
    demo = start_demo(tmp_path)
    pids = demo.pids
    os.kill(demo.pid(victim), signal.SIGKILL)
    assert not wait_until_gone(pids, 10)
    assert demo.process.wait(10) == (-signal.SIGKILL if victim == "stack.py" else 1)
    if victim != "stack.py":
        assert "demo: a part ended" in (tmp_path / "output").read_text()


def test_a_part_that_does_not_stop_is_killed(tmp_path):
    demo = start_demo(tmp_path)
    pids = demo.pids
    os.kill(demo.pid("timeserver"), signal.SIGSTOP)
    assert demo.end() == 0
    assert not wait_until_gone(pids, 0.5)


def test_the_check_passes_its_exit_code_on(tmp_path):
    short = ("--calm=1s", "--fault=0", "--after=0", "--rps=50", "--rotations=99")
    process = start_stack(tmp_path, "--check", "--", *short)
    try:
        assert process.wait(WITHIN_S) == 1
    finally:
        process.terminate()
        process.wait(WITHIN_S)
    assert "FAILED: log rotations during the check" in (tmp_path / "output").read_text()


def test_make_demo_runs_the_stack():
    words = subprocess.run(
        ["make", "-n", "demo", "CHECK=1", "ARGS=--rps 9", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "stack.py --check -- --rps 9" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_after_sudo_the_state_belongs_to_the_owner_of_the_repository(tmp_path, monkeypatch):
    repository, state = tmp_path / "repository", tmp_path / "state"
    (state / "prometheus").mkdir(parents=True)
    repository.mkdir()
    os.chown(repository, 1234, 1234)
    monkeypatch.setattr(stack_module, "ROOT", repository)
    monkeypatch.setenv("SUDO_UID", "1000")
    stack_module.give_back(state)
    assert (state / "prometheus").stat().st_uid == 0, "somebody else's repository"
    monkeypatch.setenv("SUDO_UID", "1234")
    stack_module.give_back(state)
    assert {path.stat().st_uid for path in (state, state / "prometheus")} == {1234}
