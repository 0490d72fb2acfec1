"""What comes from outside (names, answers, scenarios, logs) is shown, and moves no cursor."""

import io
import json
import sys
import threading
import unicodedata
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from trafficgen.cli import cli, main
from trafficgen.feeds import releases
from trafficgen.live_view import LiveView
from trafficgen.meter.meter import Meter
from trafficgen.report.render_text import render_text
from trafficgen.report.report import make_report
from trafficgen.report.verdict import Verdict
from trafficgen.verify.table import Row, render, verdict

HOSTILE = "one\ntwo\x1b[2J\r\t\x9b\x7f\u202e\udcff"
SHOWN = r"one\ntwo\x1b[2J\r\t\x9b\x7f\u202e\xff"


def acting(text):
    """The characters of composed lines that a terminal obeys."""
    bidi = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return {
        char
        for char in text.replace("\n", "")
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(char) in bidi
    }


def report_of(text):
    meter = Meter((text,))
    meter.late_ns.append(1)  # one was sent
    report = make_report(meter, url=text, seed=1, seconds=1.0, plan_s=1.0, started_at=0.0)
    expectations = [Verdict(expectation=text, held=False, why=text)]
    return structs.replace(report, replayed=text, failed=[text], no_answer={text: 1}, expectations=expectations)


@given(st.text(st.characters(codec=None), min_size=1))
def test_the_report_as_text_has_one_line_for_each_value(text):
    printed = render_text(report_of(text))
    assert not acting(printed)
    assert printed.count("\n") == render_text(report_of("x")).count("\n")


@given(st.text(st.characters(codec=None)))
def test_the_report_as_json_says_the_same_in_characters_that_do_not_act(text):
    printed = report_of(text).to_json()
    assert not acting(printed)
    assert json.loads(printed)["failed"] == [text]


@given(st.text(st.characters(codec=None)))
def test_the_table_of_the_check_keeps_its_rows(text):
    printed = render([Row(text, text, text, holds=False)])
    assert not acting(printed)
    assert printed.count("\n") == 3
    assert verdict([Row(text, "1", "2", holds=False)]).count("\n") == 0


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["file", "terminal"])
def test_what_a_run_says_meanwhile(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    monkeypatch.setenv("COLUMNS", "200")
    with LiveView(10.0) as view:
        view.say(HOSTILE)
    assert SHOWN in sys.stderr.getvalue()


def test_the_name_of_a_file(monkeypatch, capsys, tmp_path):
    log = tmp_path / HOSTILE
    log.write_text("no log\n")
    monkeypatch.setattr(sys, "argv", ["trafficgen", "replay", str(log), "--url", "http://127.0.0.1:9/"])
    with pytest.raises(SystemExit):
        main()
    err = capsys.readouterr().err
    assert err.startswith(f"trafficgen: {tmp_path}/{SHOWN}: ")
    assert err.count("\n") == 1


def test_the_answer_of_a_receiver(monkeypatch):
    monkeypatch.setattr(releases, "RETRY_S", 0.01)
    codes = [503]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = HOSTILE.encode("utf-8", "replace")
            self.send_response(codes.pop() if codes else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        target = f"http://127.0.0.1:{server.server_port}/ingest"
        args = ["feed", "releases", "--to", target, "--rate", "100", "--duration", "1", "--seed", "1"]
        done = CliRunner().invoke(cli, args)
        server.shutdown()
    assert done.exit_code == 0
    assert "answered 503: one\\ntwo\\x1b[2J" in done.stderr
    assert not acting(done.stderr)
