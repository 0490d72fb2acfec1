"""A scrape of 100,000 series: the exporter's renderer beside prometheus-client's, and how long the event loop waits.

Prints one table; asserts nothing.
"""

import asyncio
import time

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import generate_latest

from exporter.catalogue import Metric
from exporter.web.exposition import Renderer

SERIES = 100_000
REQUESTS = Metric("bench_requests_total", "counter", "Requests.", ("source", "method", "route", "code"))


class _Peer:
    def __init__(self, series):
        self.series = series

    def collect(self):
        family = CounterMetricFamily("bench_requests", "Requests.", labels=REQUESTS.labels)
        for labels, value in self.series.items():
            family.add_metric(labels, value)
        yield family


async def _longest_wait(stop: asyncio.Event) -> float:
    """The longest time, in seconds, for which a coroutine that is always ready was kept from running."""
    longest, last = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


async def _scrape(renderer, series):
    stop = asyncio.Event()
    watcher = asyncio.create_task(_longest_wait(stop))
    await asyncio.sleep(0)
    started = time.perf_counter()
    size = 0
    for piece in renderer.render([REQUESTS.family(series)], openmetrics=False):
        size += len(piece.encode())
        await asyncio.sleep(0)
    took = time.perf_counter() - started
    stop.set()
    return took, await watcher, size


def main():
    series = {("site", "GET", f"/route/{n}", "200"): n for n in range(SERIES)}
    renderer = Renderer()
    rows = [("tidewatch, first scrape", *asyncio.run(_scrape(renderer, series)))]
    rows.append(("tidewatch, later scrapes", *asyncio.run(_scrape(renderer, series))))
    registry = CollectorRegistry()
    registry.register(_Peer(series))
    started = time.perf_counter()
    size = len(generate_latest(registry))
    took = time.perf_counter() - started
    rows.append(("prometheus-client", took, took, size))
    print(f"{'a scrape of ' + format(SERIES, ',') + ' series':34}{'ms':>8}{'loop held ms':>14}{'MiB':>8}{'ratio':>8}")
    for name, seconds, wait, length in rows:
        print(f"{name:34}{seconds * 1e3:8.0f}{wait * 1e3:14.1f}{length / 2**20:8.1f}{rows[-1][1] / seconds:8.1f}")


if __name__ == "__main__":
    main()
