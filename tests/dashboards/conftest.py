"""A real Prometheus over half an hour of invented traffic: a surge, a minute of 500s, a log that falls behind."""

import contextlib
import json
import math
import random
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

STEP_S = 5
SPAN_S = 2100
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
JOBS = {"timeserver": 8080, "trafficgen": 8089, "exporter": 8090, "prometheus": 9090, "alertmanager": 9093}
RULES = """
groups:
  - name: test
    interval: 1s
    rules:
      - alert: SiteServerErrors
        expr: vector(1)
        labels: {severity: page, source: site, system: site}
        annotations: {summary: "site answered 12 requests with a 5xx in 5 minutes"}
      - alert: Watchdog
        expr: vector(1)
        labels: {severity: none}
"""


def rate_at(second: int) -> float:
    surge = 90 if 900 < second < 1300 else 0
    return 210 + 70 * math.sin(second / 330) + surge


def failing(second: int) -> bool:
    return 1420 < second < 1560


class Site:
    """Counters of a site and of those who watch it, advanced second by second."""

    def __init__(self) -> None:
        self.draw = random.Random(7)
        self.values: dict[str, float] = {}

    def add(self, series: str, amount: float) -> None:
        self.values[series] = self.values.get(series, 0.0) + amount

    def advance(self, second: int, seconds: int) -> None:
        planned = rate_at(second) * self.draw.uniform(0.9, 1.1) * seconds
        failed_share = 0.14 if failing(second) else 0.0
        shares = {("/", "200"): 0.9 - failed_share, ("/missing", "404"): 0.09, ("/fail", "500"): 0.01 + failed_share}
        self.add('trafficgen_planned_requests_total{source="site"}', planned)
        self.add('trafficgen_sent_requests_total{source="site"}', planned * 0.999)
        self.add('trafficgen_dropped_requests_total{source="site",reason="timeout"}', planned * 0.001)
        self.add('trafficgen_own_fault_requests_total{source="site"}', 0)
        self.add('trafficgen_connects_total{source="site"}', 1 if second % 60 < seconds else 0)
        gauges = {"planned_rate": planned / seconds, "saturated": 0, "connections": 12, "in_flight_requests": 2}
        for name, value in gauges.items():
            self.values[f'trafficgen_{name}{{source="site"}}'] = value
        for phase in ("calm", "surge"):
            self.values[f'trafficgen_phase_info{{source="site",phase="{phase}"}}'] = int(
                (phase == "surge") == (900 < second < 1300)
            )
        for (route, code), share in shares.items():
            count = planned * 0.999 * share
            labels = f'{{source="site",method="GET",route="{route}",code="{code}"}}'
            self.add(f"tidewatch_http_requests_total{labels}", count)
            self.add(f"tidewatch_http_response_bytes_total{labels}", count * 210)
            self.add(f'tidewatch_stats_responses_total{{source="site",code="{code}"}}', count)
            self.add(f'trafficgen_responses_total{{source="site",target="{route}",code="{code}"}}', count)
        middle = 0.06 if failing(second) else 0.0016 + rate_at(second) / 90_000
        self.observe("tidewatch_http_request_duration_seconds", 'source="site",method="GET",route="/"', middle, planned)
        self.observe("trafficgen_request_duration_seconds", 'source="site",from="plan"', middle * 1.35, planned)
        self.observe("trafficgen_request_duration_seconds", 'source="site",from="send"', middle * 1.1, planned)
        self.observe("trafficgen_send_lateness_seconds", 'source="site"', 0.0009, planned)
        self.promise(second)
        self.watch(second, seconds, planned)

    def observe(self, name: str, labels: str, middle: float, count: float) -> None:
        """Spread `count` observations log-normally around `middle` over the buckets."""
        for bound in BOUNDS:
            share = 0.5 * (1 + math.erf(math.log(bound / middle) / (0.75 * math.sqrt(2))))
            self.add(f'{name}_bucket{{{labels},le="{bound}"}}', count * share)
        self.add(f'{name}_bucket{{{labels},le="+Inf"}}', count)
        self.add(f"{name}_count{{{labels}}}", count)
        self.add(f"{name}_sum{{{labels}}}", count * middle)

    def promise(self, second: int) -> None:
        """What the rules of service levels record, for a budget of which a third is gone."""
        for window, ratio in (("1h", 0.002), ("6h", 0.0012), ("1d", 0.0009), ("3d", 0.0004), ("_window", 0.00035)):
            burnt = ratio + (0.02 if window == "1h" and failing(second) else 0)
            self.values[
                f'slo_source:tidewatch_slo_bad_events:ratio{window}{{slo="site-availability",source="site"}}'
            ] = burnt
        self.values['slo_source:tidewatch_slo_budget:remaining_window{slo="site-availability",source="site"}'] = 0.65
        for name, value in (("allowed:ratio", 0.001), ("window:seconds", 30 * 86_400)):
            self.values[f'slo_board:tidewatch_slo_{name}{{slo="site-availability",board="tidewatch-site"}}'] = value

    def watch(self, second: int, seconds: int, lines: float) -> None:
        """What the monitoring tells of itself."""
        behind = max(0, 1200 - abs(second - 1100) * 8) * 4000 + self.draw.uniform(0, 9000)
        self.values['tidewatch_log_lag_bytes{source="site"}'] = behind
        self.values['tidewatch_log_readable{source="site"}'] = 0 if 900 < second < 930 else 1
        self.add('tidewatch_log_lines_total{source="site"}', lines)
        self.add('tidewatch_log_lines_failed_total{source="site",reason="fields"}', lines * 0.0002)
        self.add('tidewatch_log_lost_bytes_total{source="site"}', 0)
        self.add('tidewatch_log_rotations_total{source="site",kind="rename"}', 1 if second % 300 < seconds else 0)
        self.values['tidewatch_log_last_line_timestamp_seconds{source="site"}'] = math.nan
        self.values['tidewatch_stats_up{source="site"}'] = 0 if 700 < second < 740 else 1
        self.values['tidewatch_stats_fetch_duration_seconds{source="site"}'] = 0.002 * self.draw.uniform(0.8, 1.6)
        self.values['tidewatch_build_info{job="exporter",instance="127.0.0.1:8090",version="0.1.0",python="3.13"}'] = 1
        self.values["prometheus_notifications_alertmanagers_discovered"] = 1
        for system in ("site", "generator", "itself"):
            self.values[f'system_rules:tidewatch:loaded{{system="{system}"}}'] = 1
        for system in ("accesslog", "stats"):
            labels = f'{{job="exporter",instance="127.0.0.1:8090",system="{system}"}}'
            self.values[f"tidewatch_system_up{labels}"] = 1
            self.values[f"tidewatch_system_collect_duration_seconds{labels}"] = 0.0004 * self.draw.uniform(1, 2)
        for job, port in JOBS.items():
            labels = f'{{job="{job}",instance="127.0.0.1:{port}"}}'
            self.values[f"up{labels}"] = 0 if job == "alertmanager" and 400 < second < 520 else 1
            self.values[f"scrape_duration_seconds{labels}"] = self.draw.uniform(1, 1.5) * port / 2e6
            self.values[f"scrape_samples_scraped{labels}"] = 60 + port % 97
            self.values[f"process_resident_memory_bytes{labels}"] = 3e7 + port * 3000 + second * 900
            self.add(f"process_cpu_seconds_total{labels}", seconds * self.draw.uniform(0.02, 0.05) * (port % 5 + 1))
        self.values['ALERTS{alertname="Watchdog",alertstate="firing",severity="none"}'] = 1
        for state, begin, end in (("pending", 1440, 1470), ("firing", 1470, 1700)):
            labels = f'alertname="SiteServerErrors",alertstate="{state}",severity="page",source="site",system="site"'
            series = f"ALERTS{{{labels}}}"
            self.values[series] = 1 if begin <= second < end else math.inf  # inf: no sample now


def openmetrics(end_s: int) -> str:
    """Samples every STEP_S seconds up to `end_s`, series by series as the format wants it."""
    site = Site()
    samples: dict[str, list[str]] = {}
    for second in range(0, SPAN_S, STEP_S):
        site.advance(second, STEP_S)
        stamp = end_s - SPAN_S + STEP_S + second
        for series, value in site.values.items():
            if value != math.inf:
                told = stamp - 1 if math.isnan(value) else value
                samples.setdefault(series, []).append(f"{series} {told} {stamp}")
    by_name: dict[str, list[str]] = {}
    for series, lines in sorted(samples.items()):
        by_name.setdefault(series.partition("{")[0], []).extend(lines)
    return "\n".join(line for lines in by_name.values() for line in lines) + "\n# EOF\n"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(url: str, within_s: float = 30) -> None:
    """Wait until `url` answers 200."""
    deadline = time.monotonic() + within_s
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as response:
            if response.status == 200:
                return
        assert time.monotonic() < deadline, f"{url} did not answer within {within_s} s"
        time.sleep(0.05)


def start_prometheus(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """A Prometheus in `folder` that holds the invented half hour."""
    (folder / "samples.om").write_text(openmetrics(int(time.time())))
    build = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.om", folder / "data"]
    subprocess.run(build, check=True, capture_output=True)
    (folder / "rules.yml").write_text(RULES)
    config = {"global": {"scrape_interval": f"{STEP_S}s"}, "rule_files": ["rules.yml"]}
    (folder / "prometheus.yml").write_text(repr(config))  # YAML reads Python's own notation of such a tree
    flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--log.level=error"]
    return subprocess.Popen(["prometheus", *flags, f"--web.listen-address=127.0.0.1:{port}"], cwd=folder)


@pytest.fixture(scope="session")
def real_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Prometheus that holds the invented half hour, ended with the session."""
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        pytest.skip("prometheus and promtool are not on PATH")
    port = free_port()
    process = start_prometheus(tmp_path_factory.mktemp("prometheus"), port)
    try:
        answers(f"http://127.0.0.1:{port}/-/ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


Series = Mapping[str, str]
"""Series to its values in promtool's notation, a sample a minute."""
Computed = Callable[[Mapping[str, Series], Mapping[str, str], str], dict[tuple[str, str], dict[str, float]]]


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Computed:
    """What promtool computes of (cases, expressions, at): by (case, expression), labels as it writes them to value."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is not on PATH")

    def compute(
        cases: Mapping[str, Series], exprs: Mapping[str, str], at: str
    ) -> dict[tuple[str, str], dict[str, float]]:
        tests = [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [  # of no such answer, so that promtool prints the one there is
                    {
                        "expr": expr,
                        "eval_time": at,
                        "exp_samples": [{"labels": f'no{{of="{case}/{name}"}}', "value": 0}],
                    }
                    for name, expr in exprs.items()
                ],
            }
            for case, series in cases.items()
        ]
        path = tmp_path_factory.mktemp("promtool") / "test.yml"
        path.write_text(json.dumps({"rule_files": [], "evaluation_interval": "1m", "tests": tests}))
        done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
        said = re.findall(r'of="(.+?)/(.+?)"\} \S+\n\s*got: (.*)', done.stderr)
        assert len(said) == len(cases) * len(exprs), done.stderr
        return {
            (case, name): {labels: float(value) for labels, value in re.findall(r"(\{.*?\}) ([-+.\dE]+)", got)}
            for case, name, got in said
        }

    return compute
