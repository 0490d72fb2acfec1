"""What is pushed stands in a real Prometheus and a real VictoriaMetrics, to the last figure, as /metrics shows it.

So it does in the output of an OpenTelemetry collector, where there is one.
"""

import contextlib
import json
import math
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from ports import free_ports
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.e2e

BIN = Path(sys.executable).parent
WITHIN_S = 60
FORMAT = '$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time'
CODES = [200] * 40 + [404] * 7 + [503] * 3
LINES = [
    f'192.0.2.1 [01/Nov/2026:00:00:00 +0000] "GET /{"ab"[n % 2]} HTTP/1.1" {code} {n} 0.{n:03d}\n'
    for n, code in enumerate(CODES)
]
REQUESTS, READ = "tidewatch_http_requests_total", ("tidewatch_log_lines_total", (("source", "site"),))
MOVING = (
    *("process_", "python_gc_", "tidewatch_push_"),
    *("tidewatch_system_collect_", "tidewatch_connections", "tidewatch_checkpoint_last"),
)
"""Families that differ from one moment to the next."""


def ask(url, **form):
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(url, data, timeout=10) as answer:
        return answer.read()


def until(good):
    deadline = time.monotonic() + WITHIN_S
    while True:
        with contextlib.suppress(OSError):
            if found := good():
                return found
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def running(*command, log):
    with Path(log).open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextlib.contextmanager
def prometheus(folder):
    """Its address."""
    (port,) = free_ports(1)
    (folder / "empty.yml").write_text("{}")
    command = ["prometheus", f"--config.file={folder / 'empty.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver"]
    with running(*command, log=folder / "prometheus.log"):
        url = f"http://127.0.0.1:{port}"
        until(lambda: ask(f"{url}/-/ready"))
        yield url


@contextlib.contextmanager
def victoria_metrics(folder):
    """Its address."""
    (port,) = free_ports(1)
    command = ["victoria-metrics", f"-storageDataPath={folder / 'data'}", f"-httpListenAddr=127.0.0.1:{port}"]
    # what has just come is shown at once
    command += ["-memory.allowedBytes=256MB", "-search.latencyOffset=0s", "-search.disableCache", "-retentionPeriod=12"]
    with running(*command, log=folder / "victoria-metrics.log"):
        url = f"http://127.0.0.1:{port}"
        until(lambda: ask(f"{url}/health"))
        yield url


SERVERS = [
    pytest.param(
        start,
        precision,
        id=name,
        marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed (Debian: {name})"),
    )
    for name, start, precision in (
        ("prometheus", prometheus, 0.0),
        ("victoria-metrics", victoria_metrics, 1e-14),  # it stores decimal fractions
    )
]


@contextlib.contextmanager
def exporter(folder, receiver):
    """One that has read LINES and pushes; its address and its process."""
    (port,) = free_ports(1)
    (folder / "access.log").write_text("".join(LINES))
    log = {"source": "site", "paths": [str(folder / "access.log")], "format": FORMAT, "from": "start"}
    config = {"state_dir": str(folder / "state"), "accesslog": [log], **receiver}
    (folder / "exporter.json").write_text(json.dumps(config))
    command = [BIN / "exporter", "--config.file", folder / "exporter.json", "--web.listen-address", f"127.0.0.1:{port}"]
    with running(*command, log=folder / "exporter.log") as process:
        yield f"http://127.0.0.1:{port}", process


def comparable(labels):
    """Labels in one order, without empty ones; of OTLP a bound of 1.0 comes back as 1."""
    bound = {"le": str(float(labels["le"]))} if "le" in labels else {}
    return tuple(sorted((name, value) for name, value in {**labels, **bound}.items() if value))


def scraped(url):
    """Samples of /metrics: (name, labels) to value."""
    text = ask(f"{url}/metrics").decode()
    return {
        (sample.name, comparable(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def stored(url, own):
    """Samples of a Prometheus now, less the labels that the push has put on them: `own`, on each of them."""
    answer = json.loads(ask(f"{url}/api/v1/query", query='{__name__!=""}'))
    found = {}
    for series in answer["data"]["result"]:
        labels = {k: v for k, v in series["metric"].items() if not k.startswith("scope.")}
        assert labels.items() >= own.items()
        shown = comparable({k: v for k, v in labels.items() if k != "__name__" and k not in own})
        found[labels["__name__"], shown] = float(series["value"][1])
    return found


def alike(url, server, own):
    """What /metrics shows and does not move by itself, once the same series stand in both, and `up`."""
    shown = scraped(url)
    if stored(server, own).keys() == shown.keys() | {("up", ())}:
        return {key: value for key, value in shown.items() if not key[0].startswith(MOVING)}
    return None


def check_equal(folder, server, receiver, *, own, precision):
    """Push to a server until it has all that /metrics shows, and stop: the figures are equal, and all series end."""
    with exporter(folder, receiver) as (url, process):
        until(lambda: scraped(url).get(READ) == len(LINES))
        want = until(lambda: alike(url, server, own))
        got = stored(server, own)
        assert got["up", ()] == 1
        assert {key: got[key] for key in want} == pytest.approx(want, rel=precision, abs=0)
        assert len(want) > 40
        codes = Counter()
        for (name, labels), count in want.items():
            codes.update({dict(labels)["code"]: count} if name == REQUESTS else {})
        assert +codes == {"200": 40, "404": 7, "503": 3}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    until(lambda: stored(server, own) == {})
    history = json.loads(ask(f"{server}/api/v1/query", query="up[5m]"))["data"]["result"][0]["values"]
    times = [at for at, _ in history]
    assert times == sorted(set(times))
    assert {value for _, value in history if not math.isnan(float(value))} == {"1"}


@pytest.mark.parametrize(("start", "precision"), SERVERS)
def test_remote_write_gives_the_figures_of_a_scrape_and_every_series_ends_with_the_exporter(start, precision, tmp_path):
    with start(tmp_path) as server:
        receiver = {
            "url": f"{server}/api/v1/write",
            "interval": "200ms",
            "job": "edge",
            "instance": "shop-1",
            "external_labels": {"site": "a"},
        }
        own = {"job": "edge", "instance": "shop-1", "site": "a"}
        check_equal(tmp_path, server, {"remote_write": [receiver]}, own=own, precision=precision)


@pytest.mark.skipif(shutil.which("victoria-metrics") is None, reason="victoria-metrics is not installed")
def test_otlp_gives_the_figures_of_a_scrape_and_every_series_ends_with_the_exporter(tmp_path):
    with victoria_metrics(tmp_path) as server:
        endpoint = f"{server}/opentelemetry/v1/metrics"
        try:
            ask(endpoint, nothing="")
        except urllib.error.HTTPError as exc:
            if b"unsupported path" in exc.read():
                pytest.skip("this VictoriaMetrics takes no OTLP, Debian's 1.79 for one; versions since 1.92 do")
        receiver = {
            "endpoint": endpoint,
            "interval": "200ms",
            "job": "edge",
            "instance": "shop-1",
            "resource_attributes": {"site": "a"},
        }
        own = {"service.name": "edge", "service.instance.id": "shop-1", "site": "a"}
        check_equal(tmp_path, server, {"otlp": [receiver]}, own=own, precision=1e-14)


COLLECTOR = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{debug: {{verbosity: detailed}}}}
service:
  pipelines: {{metrics: {{receivers: [otlp], exporters: [debug]}}}}
  telemetry: {{metrics: {{level: none}}}}
"""
POINT = re.compile(
    r"-> Name: (?P<name>\S+)|(?P<metric>Metric|ResourceMetrics) #|(?P<point>\w+DataPoints) #"
    r"|-> (?P<label>\S+): Str\((?P<text>.*)\)|Value: (?P<value>\S+)|Count: (?P<count>\d+)|Sum: (?P<sum>\S+)"
    r"|ExplicitBounds #\d+: (?P<bound>\S+)|Buckets #\d+, Count: (?P<bucket>\d+)"
)


def printed(text):
    """The last samples in a collector's detailed output, as a scrape has them; figures with six decimals."""
    samples, name, labels, bounds, below = {}, "", {}, [], 0
    for line in text.splitlines():
        if (found := POINT.fullmatch(line.strip()) or POINT.match(line.strip())) is None:
            continue
        kind, value = found.lastgroup, found[found.lastgroup]
        if kind == "name":
            name = value
        elif kind in ("metric", "point"):
            labels, bounds, below = {}, [], 0
        elif kind == "text":
            labels[found["label"]] = value
        elif kind == "bound":
            bounds.append(value)
        elif kind == "bucket":
            below += int(value)
            samples[f"{name}_bucket", comparable({**labels, "le": bounds.pop(0) if bounds else "+Inf"})] = below
        else:
            samples[name if kind == "value" else f"{name}_{kind}", comparable(labels)] = float(value)
    return samples


@pytest.mark.skipif(
    shutil.which("otelcol") is None,
    reason="otelcol, a collector with the OTLP receiver and the debug exporter, is absent",
)
def test_a_collector_prints_the_figures_of_a_scrape(tmp_path):
    (port,) = free_ports(1)
    (tmp_path / "collector.yml").write_text(COLLECTOR.format(port=port))
    log = tmp_path / "collector.log"
    with running("otelcol", f"--config=file:{tmp_path / 'collector.yml'}", log=log):
        until(lambda: b"Everything is ready" in log.read_bytes())
        receiver = {"endpoint": f"http://127.0.0.1:{port}/v1/metrics", "interval": "200ms"}
        with exporter(tmp_path, {"otlp": [receiver]}) as (url, process):
            until(lambda: scraped(url).get(READ) == len(LINES))
            until(lambda: printed(log.read_text()).get(READ) == len(LINES))
            want = {key: value for key, value in scraped(url).items() if not key[0].startswith(MOVING)}
            got = printed(log.read_text())
            assert {key: got.get(key) for key in want} == pytest.approx(want, rel=0, abs=1e-6)
            assert len(want) > 40
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
