"""An exporter that has no descriptor left, for a while: what it cannot open is shown, tried again, and not lost."""

import http.client
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ports import free_ports

pytestmark = [pytest.mark.e2e]

UP_WITHIN_S = 60
FILES = 3
"""The numbers of standard input, output and error, which are taken."""
STARVED_S = 3.0
BUSY_RATIO = 0.7
"""Share of a core that an exporter may take meanwhile; one that spins takes all of it."""
LOG_BYTES = 8192
LINE = b"192.0.2.1\tGET /\t200\t5\n"
POLLS = "store_id,status,timestamp_utc\na,active,2026-01-01 00:00:00 UTC\n"


class Page(BaseHTTPRequestHandler):
    """A stats page that closes its connections, so that each fetch needs a descriptor."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"200s: 7\n")

    def log_message(self, *_):
        pass


class Starved:
    """An exporter with each kind of source, and one connection that stays open to ask it."""

    def __init__(self, folder, page):
        self.folder, self.log = folder, folder / "access.log"
        self.log.write_bytes(LINE)
        (port,) = free_ports(1)
        config = {
            "state_dir": str(folder / "state"),
            "accesslog": [{"source": "a", "paths": [str(self.log)], "format": "tab", "from": "start"}],
            "releases": [{"source": "r", "paths": [str(folder / "errors.log")]}],
            "stats": [{"source": "p", "url": page}],
            "stores": [{"source": "s", "inbox": str(folder / "inbox")}],
        }
        (folder / "exporter.json").write_text(json.dumps(config))
        flags = ["--config.file", folder / "exporter.json", "--web.listen-address", f"127.0.0.1:{port}"]
        self.stderr = folder / "stderr"
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen([Path(sys.executable).parent / "exporter", *flags], stderr=stderr)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def metrics(self):
        """name{labels} -> value of one scrape."""
        self._connection.request("GET", "/metrics")
        text = self._connection.getresponse().read().decode()
        return {name: float(value) for name, value in re.findall(r"^(tidewatch_\S+) (\S+)$", text, re.MULTILINE)}

    def starve(self):
        """What is open stays open; whatever is closed cannot be opened again."""
        self._limit = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (FILES, self._limit[1]))

    def feed(self):
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, self._limit)

    def end(self):
        self._connection.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.stderr.read_text()

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def eventually(self, holds):
        """Scrape until it holds; what was seen last."""
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            try:
                seen = self.metrics()
            except ConnectionRefusedError:  # it is starting
                self._connection.close()
                seen = {}
            if seen and holds(seen):
                return seen
            assert self.process.poll() is None, self.stderr.read_text()
            assert time.monotonic() < deadline, (seen, self.stderr.read_text())
            time.sleep(0.1)


def total(seen, name):
    """The sum over the labels."""
    return sum(value for series, value in seen.items() if series.partition("{")[0] == name)


@pytest.fixture
def starved(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        exporter = Starved(tmp_path, f"http://127.0.0.1:{server.server_port}/stats")
        try:
            yield exporter
        finally:
            exporter.end()
            server.shutdown()
            thread.join()


def test_without_descriptors_everything_waits_is_shown_and_comes_later(starved):
    name = "tidewatch_http_requests_total"
    starved.eventually(lambda seen: total(seen, name) == 1 and seen['tidewatch_stats_up{source="p"}'])
    starved.eventually(lambda _: (starved.folder / "inbox" / "done").is_dir())
    starved.starve()
    starved.log.rename(starved.folder / "access.log.1")
    starved.log.write_bytes(LINE * 50)
    (starved.folder / "errors.log").write_bytes(b"0:00:01\t5.1\t3\n" * 20)
    (starved.folder / "inbox" / "polls.csv").write_text(POLLS)
    seen = starved.eventually(
        lambda seen: (
            not seen['tidewatch_log_readable{source="a"}']
            and total(seen, "tidewatch_store_errors_total")
            and not seen['tidewatch_release_log_readable{source="r"}']
        )
    )
    assert seen['tidewatch_log_lag_bytes{source="a"}'] == 50 * len(LINE)
    assert seen['tidewatch_stats_up{source="p"}'] == 0
    before_s, began_s = starved.cpu_s(), time.monotonic()
    time.sleep(STARVED_S)  # what is measured is what it does in the meantime
    assert starved.cpu_s() - before_s < BUSY_RATIO * (time.monotonic() - began_s)
    starved.feed()
    seen = starved.eventually(
        lambda seen: (
            total(seen, name) == 51
            and seen['tidewatch_store_inbox_files_total{source="s",result="done"}'] == 1
            and total(seen, "tidewatch_release_errors_total") == 20
            and seen['tidewatch_stats_up{source="p"}']
        )
    )
    assert total(seen, "tidewatch_log_lost_bytes_total") == 0
    assert seen['tidewatch_log_readable{source="a"}'] == 1
    assert seen['tidewatch_log_lag_bytes{source="a"}'] == 0
    said = starved.stderr.read_text()
    assert "Traceback" not in said
    assert len(said) < LOG_BYTES, said
