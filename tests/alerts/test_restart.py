"""A real Prometheus is killed and started again while a site is dead: the page goes on, and a living site gets none."""

import shutil
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
import yaml
from aiohttp import web
from programs import process, serving, until

from alerts.rulefiles import RULES, every_alert
from foundation.grammar import duration_s

PROMETHEUS = shutil.which("prometheus")
LABELS = 'source="site",job="exporter",instance="e:1"'
RATE, HISTORY_S, STEP_S, DEAD_S = 10, 7200, 15, 400
NAME = "source:tidewatch_http_requests"
USUAL = {  # what two hours of this traffic have taught
    **dict.fromkeys((f"{NAME}:rate_{what}" for what in ("mean", "usual", "low", "high", "last")), RATE),
    f"{NAME}:pause_usual_seconds": 0,
    "source:tidewatch_site:known": 1,
}


def history(now_s):
    """OpenMetrics of a site that died DEAD_S ago, as scraped and as recorded."""
    times_s = range(now_s - HISTORY_S, now_s, STEP_S)
    alive_s = [min(t, now_s - DEAD_S) for t in times_s]
    for name, more in (("tidewatch_http_requests", ',code="200"'), ("tidewatch_log_lines", "")):
        yield f"# TYPE {name} counter"
        counts = [RATE * (t - times_s[0]) for t in alive_s]
        yield from (f"{name}_total{{{LABELS}{more}}} {n} {t}" for n, t in zip(counts, times_s, strict=True))
    recorded = {name: [value] * len(times_s) for name, value in USUAL.items()}
    recorded[f"{NAME}:last_timestamp_seconds"] = alive_s
    recorded[f"{NAME}:pause_seconds"] = [t - last for t, last in zip(times_s, alive_s, strict=True)]
    for name, values in recorded.items():
        yield f"# TYPE {name} gauge"
        yield from (f'{name}{{source="site"}} {value} {t}' for value, t in zip(values, times_s, strict=True))
    yield "# EOF"


class Site:
    """The exporter's two counters, which stand still until somebody sends requests again."""

    def __init__(self):
        self.requests = RATE * (HISTORY_S - DEAD_S)
        self.alive = False

    async def metrics(self, _):
        self.requests += RATE * self.alive
        names = ('tidewatch_http_requests_total{source="site",code="200"}', 'tidewatch_log_lines_total{source="site"}')
        return web.Response(text="".join(f"{name} {self.requests}\n" for name in names))


@asynccontextmanager
async def prometheus(folder):
    """A running Prometheus with the data of the folder; its address."""
    flags = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    async with serving([]) as port:
        pass  # free again
    async with process(PROMETHEUS, *flags, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error") as child:
        yield f"http://127.0.0.1:{port}", child


async def evaluated(session, url):
    """The states of SiteTrafficStopped as a page, once this process has evaluated it."""

    async def asked():
        try:
            async with session.get(f"{url}/api/v1/rules?type=alert") as answer:
                groups = (await answer.json())["data"]["groups"] if answer.status == 200 else []
        except aiohttp.ClientConnectionError:
            return []
        rules = [rule for group in groups for rule in group["rules"]]
        return [rule for rule in rules if rule["name"] == "SiteTrafficStopped" and rule["labels"]["severity"] == "page"]

    (rule,) = await until(asked, lambda got: got and not got[0]["lastEvaluation"].startswith("0001"))
    return rule["state"]


@pytest.mark.e2e
@pytest.mark.skipif(not PROMETHEUS, reason="prometheus is not on PATH")
async def test_a_restart_of_prometheus_ends_no_page_and_begins_none(tmp_path):
    site = Site()
    async with serving([web.get("/metrics", site.metrics)]) as port, aiohttp.ClientSession() as session:
        (tmp_path / "history.om").write_text("\n".join(history(int(time.time()))) + "\n")
        files = (tmp_path / "history.om", tmp_path / "data")
        async with process("promtool", "tsdb", "create-blocks-from", "openmetrics", *files) as backfill:
            assert await backfill.wait() == 0, await backfill.stderr.read()
        target = {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": "e:1"}}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES / "site-log.yml")],
            "scrape_configs": [{"job_name": "exporter", "static_configs": [target]}],
        }
        (tmp_path / "prometheus.yml").write_text(yaml.dump(config))
        async with prometheus(tmp_path) as (url, child):
            await until(lambda: evaluated(session, url), lambda state: state == "firing")
            child.kill()
        async with prometheus(tmp_path) as (url, _):
            assert await evaluated(session, url) == "firing", "at the first evaluation after the restart"
            site.alive = True
            await until(lambda: evaluated(session, url), lambda state: state == "inactive")
        async with prometheus(tmp_path) as (url, _):
            assert await evaluated(session, url) == "inactive"


def test_no_page_waits_for_longer_than_alertmanager_goes_on():
    """A restart of Prometheus forgets `for`; what was told is over for Alertmanager four minutes later."""
    waits_s = {a.alert: duration_s(a.for_) for a in every_alert() if a.for_ and a.labels["severity"] == "page"}
    assert waits_s
    assert {alert for alert, wait_s in waits_s.items() if wait_s > 180} == set()
