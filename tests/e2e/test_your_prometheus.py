"""docs/how-to/your-prometheus.md, followed word by word beside nginx, Prometheus, Alertmanager and Grafana.

In the order of the page: each test goes on where the one before it ended.
"""

import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from followed import Machine, sections_of, start_service
from optional import NotThere, find_grafana
from ports import free_ports

from alerts.rulefiles import RULES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "your-prometheus.md"
WITHIN_S = 150  # on a quiet machine none takes a third
BESIDE = f"{Path(sys.executable).parent}:/usr/sbin:/usr/local/sbin"
NGINX = """
daemon off; worker_processes 1; error_log stderr; pid {folder}/pid; {user}
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  access_log {log};
  server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "hello"; }}
    location /missing {{ return 404; }}
    location /broken {{ return 500; }}
  }}
}}
"""
PROMETHEUS = """
global: {scrape_interval: 15s, evaluation_interval: 15s}
alerting:
  alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]
rule_files:
scrape_configs:
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:1"]}]
"""
"""As Debian has it, without itself as a target, and with a target of other people that is down."""
ALERTMANAGER = """
route: {receiver: me, group_by: [alertname], group_wait: 1s}
receivers: [{name: me}]
inhibit_rules:
  - {source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}
"""
DATA_SOURCE = """
apiVersion: 1
datasources:
  - {name: Mine, uid: mine, type: prometheus, access: proxy, url: "http://127.0.0.1:9090", isDefault: true,
     jsonData: {timeInterval: 15s}}
"""
GRAFANA = """
[auth.anonymous]
enabled = true
[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
[plugins]
preinstall_disabled = true
public_key_retrieval_disabled = true
[log]
mode = console
"""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]


class House:
    """The reader's machine: what runs on it, and what systemd would do with it."""

    def __init__(self, root):
        self.root = root
        self.ports = dict(zip((8090, 9090, 9093, 3000, 80), free_ports(5), strict=True))
        addresses = {f"127.0.0.1:{said}": f"127.0.0.1:{here}" for said, here in self.ports.items()}
        self.path = f"{self.shims()}:{BESIDE}:/usr/bin:/bin"
        self.machine = Machine(root, addresses | {"15s": "2s"}, ROOT, self.env())
        self.sections = sections_of(PAGE.read_text())
        self.running = {}
        self.failing = threading.Event()
        self.over = threading.Event()

    def shims(self):
        """A folder of commands that this machine cannot have: `chown` to a user that may not be here."""
        folder = self.root / "shims"
        folder.mkdir()
        (folder / "chown").write_text("#!/bin/sh\n")
        (folder / "chown").chmod(0o755)
        return folder

    def env(self):
        """The shell's variables. The dependencies are those of the tests: test_core.py has them installed by pip."""
        pip = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}  # "0" is how pip is told "without"
        own = {"PYTHONPATH": sysconfig.get_path("purelib"), "HOME": str(self.root), "LC_ALL": "C.UTF-8"}
        return pip | own | {"PATH": self.path}

    def place(self, path, text):
        """Write a file that the reader has before the page begins."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.machine.here(text))
        return file

    def url(self, port):
        return f"http://127.0.0.1:{self.ports[port]}"

    def start(self, name, *command):
        with (self.root / f"{name}.out").open("ab") as output:
            self.running[name] = subprocess.Popen(command, stdout=output, stderr=output, cwd=self.root)

    def before(self):
        """nginx with visitors, Prometheus and Alertmanager, as they run before the page begins."""
        log = self.place("var/log/nginx/access.log", "")
        user = "user root;" if os.getuid() == 0 else ""
        conf = NGINX.format(folder=self.root, log=log, port=self.ports[80], user=user)
        self.start("nginx", self.found("nginx"), "-p", self.root, "-c", self.place("nginx.conf", conf))
        prometheus = self.place("etc/prometheus/prometheus.yml", PROMETHEUS)
        self.start(
            *("prometheus", self.found("prometheus"), f"--config.file={prometheus}", "--log.level=warn"),
            *(f"--web.listen-address=127.0.0.1:{self.ports[9090]}", f"--storage.tsdb.path={self.root}/tsdb"),
        )
        alertmanager = self.place("etc/prometheus/alertmanager.yml", ALERTMANAGER)
        self.start(
            *("prometheus-alertmanager", self.found("prometheus-alertmanager", "alertmanager")),
            *(f"--config.file={alertmanager}", f"--web.listen-address=127.0.0.1:{self.ports[9093]}"),
            *("--cluster.listen-address=", f"--storage.path={self.root}/alerts", "--log.level=warn"),
        )
        threading.Thread(target=self.visit, daemon=True).start()
        until(lambda: log.read_text().count("\n") > 50, "visitors of nginx")
        until(lambda: get(f"{self.url(9090)}/-/ready", as_json=False), "Prometheus")
        until(lambda: get(f"{self.url(9093)}/-/ready", as_json=False), "Alertmanager")

    def found(self, *names):
        program = next(filter(None, (shutil.which(name, path=self.path) for name in names)), None)
        return program or pytest.skip(f"{names[0]} is not installed")

    def visit(self):
        """About 30 requests per second; while it fails, a third of them are answered with 500."""
        for number in itertools.count():
            if self.over.wait(0.03):
                return
            path = (
                "/broken" if self.failing.is_set() and number % 3 == 0 else ("/", f"/users/{number % 90}")[number % 2]
            )
            with contextlib.suppress(OSError, http.client.HTTPException):
                client = http.client.HTTPConnection("127.0.0.1", self.ports[80], timeout=5)
                client.request("GET", "/missing" if number % 50 == 49 else path)
                client.getresponse().read()
                client.close()

    def follow(self, section):
        """Do what a section says, and hold its output to what the page shows of it."""
        printed = [""]
        for block in self.sections[section]:
            if block.language == "sh" and not block.is_run:
                for line in block.text.splitlines():
                    self.systemd(line.split())
            elif block.language == "text":
                assert without_times(printed[-1]) == without_times(block.text)
            else:
                printed.append(self.machine.follow(block))
            if "inhibit_rules:/d" in block.text:  # the page asks its reader to put there what this prints
                self.machine.put(self.root / "etc/prometheus/alertmanager.yml", f"inhibit_rules:\n{printed[-1]}")
        return "".join(printed)

    def systemd(self, words):
        """What systemd does for a command of the page. As Debian's units have it, a reload is a SIGHUP."""
        match words:
            case ["systemctl", "enable", "--now", "tidewatch-exporter"] | [
                "systemctl",
                "restart",
                "tidewatch-exporter",
            ]:
                self.end("tidewatch-exporter")
                unit = self.root / "etc/systemd/system/tidewatch-exporter.service"
                self.running["tidewatch-exporter"] = start_service(unit, self.machine)
            case ["systemctl", "reload", name]:
                self.running[name].send_signal(signal.SIGHUP)
                if name == "prometheus":
                    self.until_scraped(time.time())
            case ["systemctl", "restart", "grafana-server"]:
                self.start_grafana()
            case ["systemctl", "daemon-reload"] | ["journalctl", *_]:
                pass
            case _:
                raise AssertionError(f"nobody knows what systemd does: {words}")

    def until_scraped(self, since):
        def scraped():
            targets = get(f"{self.url(9090)}/api/v1/targets?state=active")["data"]["activeTargets"]
            ours = [one for one in targets if one["labels"]["job"] == "tidewatch"]
            last = [re.sub(r"(\.\d{6})\d+", r"\1", one["lastScrape"]) for one in ours if one["health"] == "up"]
            return last and min(datetime.fromisoformat(one).timestamp() for one in last) > since

        until(scraped, "a scrape of the exporter")

    def start_grafana(self):
        try:
            grafana = find_grafana()
        except NotThere:
            return
        folder = self.root / "etc/grafana"
        for name in ("alerting", "plugins"):
            (folder / "provisioning" / name).mkdir(parents=True)
        self.place("etc/grafana/provisioning/datasources/mine.yml", DATA_SOURCE)
        ini = self.place("etc/grafana/grafana.ini", GRAFANA)
        self.start(
            *("grafana-server", *grafana.program.split(), "--homepath", grafana.home, "--config", ini),
            *("cfg:server.http_addr=127.0.0.1", f"cfg:server.http_port={self.ports[3000]}"),
            *(f"cfg:paths.data={self.root}/grafana", f"cfg:paths.provisioning={folder}/provisioning"),
        )
        until(lambda: get(f"{self.url(3000)}/api/health"), "Grafana")

    def firing(self):
        """The labels of the alerts that Prometheus fires."""
        alerts = get(f"{self.url(9090)}/api/v1/alerts")["data"]["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def value(self, query):
        """The value of the only series of an instant query; None where there is none."""
        result = get(f"{self.url(9090)}/api/v1/query?{urllib.parse.urlencode({'query': query})}")["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def end(self, name):
        if process := self.running.pop(name, None):
            process.terminate()
            process.wait(20)


def get(url, *, as_json=True):
    """What a URL answers; None where nobody does."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer) if as_json else answer.read()
    return None


def until(known, what):
    """Return what is known, once it is."""
    deadline = time.monotonic() + WITHIN_S
    while not (got := known()):
        assert time.monotonic() < deadline, f"no {what} within {WITHIN_S} s"
        time.sleep(0.2)
    return got


def without_times(text):
    return re.sub(r"@\[[\d.]+\]", "@[]", text)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("machine"))
    try:
        house.before()
        yield house
    finally:
        house.over.set()
        for name in reversed(list(house.running)):
            house.end(name)


def test_it_is_installed_looks_at_the_log_and_is_scraped(house):
    house.follow(1)
    house.machine.folder = house.root / "elsewhere"  # nothing needs the clone any more
    house.machine.folder.mkdir()
    for section in (2, 3, 4):
        house.follow(section)
    assert house.value('sum(tidewatch_http_requests_total{job="tidewatch"})') is not None


def test_rules_load_and_lead_where_the_reader_said(house):
    house.follow(5)
    house.follow(6)
    groups = get(f"{house.url(9090)}/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    alerts = [rule for rule in rules if rule["type"] == "alerting"]
    files = [yaml.safe_load((RULES / f"{name}.yml").read_text()) for name in ("site-log", "tidewatch-itself")]
    ours = {rule["alert"] for file in files for group in file["groups"] for rule in group["rules"] if "alert" in rule}
    assert {alert["name"] for alert in alerts} == ours
    runbooks = (house.root / "etc/prometheus/tidewatch/runbooks.html").read_text()
    for alert in alerts:
        said = alert["annotations"]
        assert said["runbook_url"] == f"https://wiki.example.org/tidewatch#{alert['name'].lower()}"
        assert f'id="{alert["name"].lower()}"' in runbooks
        assert re.match(r"https://grafana\.example\.org/d/tidewatch(-site|-itself)?\b", said["dashboard_url"])
    muted = get(f"{house.url(9093)}/api/v2/status")["config"]["original"]
    assert muted.count("target_matchers") > 5


def test_nothing_fires_while_all_is_well(house):
    """Over a minute of scrapes, longer than any rule waits for what is down or missing."""
    until(lambda: (house.value('count_over_time(up{job="tidewatch"}[5m])') or 0) > 40, "minute of scrapes")
    until(lambda: house.value("source:tidewatch_http_requests:rate_now > 0"), "rate of requests")
    assert house.firing() == []
    groups = get(f"{house.url(9090)}/api/v1/rules")["data"]["groups"]
    assert [rule for group in groups for rule in group["rules"] if rule["health"] != "ok"] == []


def test_every_query_of_the_boards_answers(house):
    printed = house.follow(7)
    rows = printed.splitlines()[1:-1]
    assert {row.split()[0] for row in rows} == {"tidewatch", "tidewatch-site", "tidewatch-itself"}
    boards = house.root / "var/lib/grafana/tidewatch"
    assert {path.stem for path in boards.iterdir()} == {"tidewatch", "tidewatch-site", "tidewatch-itself"}
    assert [path.name for path in boards.iterdir() if "127.0.0.1" in path.read_text()] == []


def test_a_grafana_shows_every_panel(house):
    if "grafana-server" not in house.running:
        pytest.skip("neither grafana nor grafana-server is on PATH")
    command = [sys.executable, "-m", "dashboards", "grafana-check", house.url(3000), "--range=60"]
    until(lambda: len(get(f"{house.url(3000)}/api/search?type=dash-db") or ()) == 3, "boards in Grafana")
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_server_errors_page_somebody(house):
    house.failing.set()
    try:
        page = until(
            lambda: [one for one in house.firing() if one["alertname"] == "SiteErrorRatioHigh"], "page about the errors"
        )
        assert [(one["severity"], one["source"]) for one in page] == [("page", "access")]
        told = f'{house.url(9093)}/api/v2/alerts?filter=alertname="SiteErrorRatioHigh"'.replace('"', "%22")
        [alert] = until(lambda: get(told), "alert in Alertmanager")
        assert alert["annotations"]["runbook_url"] == "https://wiki.example.org/tidewatch#siteerrorratiohigh"
        assert alert["annotations"]["dashboard_url"].startswith("https://grafana.example.org/d/tidewatch-site?")
    finally:
        house.failing.clear()


def test_tls_and_a_user(house):
    counted = house.value('sum(tidewatch_http_requests_total{job="tidewatch"})')
    code, up = house.follow(8).splitlines()[-2:]
    assert (code, without_times(up)) == ("401", 'up{instance="127.0.0.1:8090", job="tidewatch"} => 1 @[]')
    assert house.value('sum(tidewatch_http_requests_total{job="tidewatch"})') >= counted, "the restart lost nothing"
    web = house.root / "etc/tidewatch/web.yml"
    assert (web.stat().st_mode & 0o077, (house.root / "etc/tidewatch/tls.key").stat().st_mode & 0o077) == (0, 0)
