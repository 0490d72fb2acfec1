"""The daemon with `logs:`, asked over HTTP: over restarts, reloads and kills, what stands in the log is counted."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from journaling import Journal, record

EXPORTER = Path(sys.executable).with_name("exporter")
CONFIG = """
state_dir: {folder}/state
logs:
- source: app
  paths: ["{folder}/{{app}}.log"]
  metrics:
  - counter: app_events_total
    match: {{event: {event}}}
    labels: {{event: "{{event}}", app: "{{app}}"}}
  - counter: app_bytes_total
    value: "{{bytes}}"
"""


def samples(url):
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def wait_for(url, wanted):
    deadline_s = time.monotonic() + 60
    while True:
        found = samples(url)
        if found.items() >= wanted.items():
            return found
        assert time.monotonic() < deadline_s, f"{wanted} is not in {found}"
        time.sleep(0.05)


class Running:
    """A daemon, until it is ended one way or the other."""

    def __init__(self, config):
        args = [EXPORTER, "--config.file", config, "--web.listen-address", "127.0.0.1:0"]
        self.process = subprocess.Popen(args, stderr=subprocess.PIPE, text=True)
        said = next(line for line in self.process.stderr if "listening on" in line)
        self.url = said.split("listening on ")[1].strip(' "\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


@pytest.mark.e2e
@pytest.mark.parametrize("event", ["login", "'^log'"], ids=["plain", "regex"])
def test_whatever_ends_the_daemon_each_line_counts_once(tmp_path, event):
    config, log = tmp_path / "e.yml", tmp_path / "app.log"
    config.write_text(CONFIG.format(folder=tmp_path, event=event))
    log.touch()
    written = 0
    for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, None):
        with Running(config) as daemon:
            with log.open("a") as file:
                for number in range(2000):
                    file.write(json.dumps({"event": "login", "bytes": number}) + "\n")
                    if number == 1000:
                        file.flush()
                        log.rename(tmp_path / f"app.log.{written}")
                        log.touch()
                        os.sync()
            written += 2000
            if end is None:
                found = wait_for(daemon.url, {'app_events_total{source="app",app="app",event="login"}': float(written)})
            else:
                daemon.process.send_signal(end)
                daemon.process.wait()
    assert found['app_bytes_total{source="app"}'] == 4 * sum(range(2000))


@pytest.mark.e2e
def test_a_reload_adds_a_metric_and_keeps_the_counters(tmp_path):
    config, log = tmp_path / "e.yml", tmp_path / "app.log"
    config.write_text(CONFIG.format(folder=tmp_path, event="login"))
    log.write_text('{"event":"login","bytes":5}\n')
    with Running(config) as daemon:
        wait_for(daemon.url, {'app_bytes_total{source="app"}': 5.0})
        more = "  - counter: app_lines_total\n"
        config.write_text(CONFIG.format(folder=tmp_path, event="login") + more)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(daemon.url, {'app_lines_total{source="app"}': 0.0, 'app_bytes_total{source="app"}': 5.0})
        with log.open("a") as file:
            file.write('{"event":"login","bytes":5}\n')
        wait_for(daemon.url, {'app_lines_total{source="app"}': 1.0, 'app_bytes_total{source="app"}': 10.0})


def test_check_says_which_label_would_explode(tmp_path):
    config, log = tmp_path / "e.yml", tmp_path / "app.log"
    log.write_text("".join(f'{{"event":"login","ip":{number}}}\n' for number in range(300)))
    rule = "{counter: app_events_total, labels: {ip: '{ip}'}}"
    config.write_text(f"logs:\n- source: app\n  paths: [{log}]\n  metrics: [{rule}]\n")
    done = subprocess.run([EXPORTER, "check", config], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert (
        "app_events_total: label ip would have 300 values in the first 300 lines; at most 100 are kept" in done.stderr
    )


class Containers:
    """Logs of a container runtime in `folder`, whose lines are `{"event":"login","bytes":n}` for n from 0 on."""

    place: str
    """Of the logs, as `paths` has it."""

    def __init__(self, folder):
        self.folder, self.rotations, self.numbers = folder, 0, {}

    def path(self, name):
        """The log of one container."""

    def lines(self, message):
        """A message as the runtime writes it: a long one in parts, each a line."""

    def message(self, name, size):
        number = self.numbers.get(name, 0)
        self.numbers[name] = number + 1
        more = "x" * size
        return self.lines(f'{{"event":"login","bytes":{number},"more":"{more}"}}')

    def append(self, name, lines):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        with self.path(name).open("a") as file:
            file.writelines(lines)

    def write(self, name, count):
        self.append(name, [line for n in range(count) for line in self.message(name, 20_000 if n % 100 == 7 else 0)])

    def rotate(self, name):
        self.rotations += 1
        self.path(name).rename(f"{self.path(name)}.{self.rotations}")

    def want(self):
        return {
            'app_events_total{source="app",event="login"}': float(sum(self.numbers.values())),
            'app_bytes_total{source="app"}': float(sum(sum(range(count)) for count in self.numbers.values())),
        }


class Docker(Containers):
    place = "containers/*/*-json.log"

    def path(self, name):
        return self.folder / "containers" / name / f"{name}-json.log"

    def lines(self, message):
        parts = [message[at : at + 16_384] for at in range(0, len(message), 16_384)]
        parts[-1] += "\n"
        return [
            json.dumps({"log": part, "stream": "stdout", "time": "2026-11-27T14:00:00.000000001Z"}) + "\n"
            for part in parts
        ]


class Kubernetes(Containers):
    place = "pods/*/*/*.log"

    def path(self, name):
        return self.folder / "pods" / f"shop_{name}_0f1e" / "app" / "0.log"

    def lines(self, message):
        *parts, last = [message[at : at + 16_384] for at in range(0, len(message), 16_384)]
        marked = [*((part, "P") for part in parts), (last, "F")]
        return [f"2026-11-27T14:00:00.000000001Z stdout {mark} {part}\n" for part, mark in marked]


@pytest.mark.e2e
@pytest.mark.parametrize("kind", [Docker, Kubernetes])
def test_whatever_ends_the_daemon_each_line_of_containers_counts_once(tmp_path, kind):
    """Rotated while it runs and while it does not, with long messages, and with a container that comes later."""
    config, logs = tmp_path / "e.yml", kind(tmp_path)
    config.write_text(
        f"state_dir: {tmp_path}/state\nlogs:\n- source: app\n  paths: ['{tmp_path}/{logs.place}']\n  metrics:\n"
        "  - {counter: app_events_total, match: {event: login}, labels: {event: '{event}'}}\n"
        "  - {counter: app_bytes_total, value: '{bytes}'}\n"
    )
    logs.write("one", 300)
    for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, None):
        with Running(config) as daemon:
            before = samples(daemon.url)
            logs.write("one", 1200)
            logs.rotate("one")
            logs.write("one", 400)
            logs.write("two" if logs.rotations > 1 else "one", 500)
            if end is None:
                found = wait_for(daemon.url, logs.want())
                continue
            wait_for_more(daemon.url, before)
            daemon.process.send_signal(end)
            daemon.process.wait()
        logs.rotate("one")
        logs.write("one", 200)
    assert found['tidewatch_logs_lines_failed_total{source="app",reason="format"}'] == 0
    assert found['tidewatch_logs_lost_bytes_total{source="app"}'] == 0


def wait_for_more(url, before):
    deadline_s = time.monotonic() + 60
    name = 'app_bytes_total{source="app"}'
    while samples(url).get(name, 0) <= before.get(name, 0):
        assert time.monotonic() < deadline_s, samples(url)
        time.sleep(0.01)


@pytest.mark.e2e
def test_whatever_ends_the_daemon_each_record_of_the_journal_counts_once(tmp_path):
    config, recorded = tmp_path / "e.yml", Journal(tmp_path)
    config.write_text(
        f"state_dir: {tmp_path}/state\nlogs:\n- source: app\n"
        f"  journal: {{units: [app], directory: {recorded.directory}, program: {recorded.program}}}\n  metrics:\n"
        "  - {counter: app_events_total, match: {event: login}, labels: {event: '{event}'}}\n"
        "  - {counter: app_bytes_total, value: '{bytes}'}\n"
    )
    written = 0
    for end in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, None):
        with Running(config) as daemon:
            before = samples(daemon.url)
            for _ in range(4):
                some = range(written, written + 250)
                recorded.write(*(record(n, f'{{"event":"login","bytes":{n}}}', unit="app.service") for n in some))
                written += 250
            if end is None:
                wanted = {'app_events_total{source="app",event="login"}': float(written)}
                found = wait_for(daemon.url, wanted)
            else:
                wait_for_more(daemon.url, before)
                daemon.process.send_signal(end)
                daemon.process.wait()
    assert found['app_bytes_total{source="app"}'] == sum(range(written))
    assert found['tidewatch_logs_gaps_total{source="app"}'] == 0
