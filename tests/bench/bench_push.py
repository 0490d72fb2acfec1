"""A push of 10,000 series: remote write and OTLP, and how long the event loop waits; beside protobuf's own runtime.

Prints one table; asserts nothing. The peer writes the same WriteRequest by its general messages, in one piece.
"""

import asyncio
import gc
import gzip
import sys
import time
from pathlib import Path

import cramjam

sys.path.insert(0, str(Path(__file__).parents[1] / "exporter"))
from prompb import WriteRequest

from exporter.catalogue import Metric
from exporter.push.otlp import OtlpRequests
from exporter.push.write_request import WriteRequests

SERIES = 10_000
REQUESTS = Metric("bench_requests_total", "counter", "Requests.", ("source", "method", "route", "code"))
LABELS = {"job": "exporter", "instance": "shop-1:8090"}
TIME_MS = 1_793_491_200_000
TURNS = ("first collection", "second collection", "third collection", "end of every series")


async def _longest_step(stop):
    """The longest time, in seconds of processor, for which a coroutine that is always ready was kept from running."""
    longest, last = 0.0, time.thread_time()
    while not stop.is_set():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return longest


async def _push(encoder, compress, families, time_ms):
    stop = asyncio.Event()
    watcher = asyncio.create_task(_longest_step(stop))
    await asyncio.sleep(0)
    size, spent_s = 0, 0.0
    bodies = encoder.encode(families, time_ms)
    while True:
        began_s = time.thread_time()
        body = next(bodies, stop)
        spent_s += time.thread_time() - began_s
        if body is stop:
            break
        if body is not None:
            size += len(await asyncio.to_thread(compress, body.content))
        await asyncio.sleep(0)
    stop.set()
    return spent_s, await watcher, size


def _peer(series, time_ms):
    request = WriteRequest()
    for labels, value in series:
        added = request.timeseries.add()
        named = {**LABELS, **dict(zip(REQUESTS.labels, labels, strict=True)), "__name__": REQUESTS.name}
        for name in sorted(named):
            added.labels.add(name=name, value=named[name])
        added.samples.add(value=value, timestamp=time_ms)
    return request.SerializeToString()


def snappy(content):
    return bytes(cramjam.snappy.compress_raw(content))


def main():
    gc.freeze()  # as the exporter does
    series = {("site", "GET", f"/route/{n}", "200"): n for n in range(SERIES)}
    print(f"{'':32}{'processor':>12}{'longest step':>14}{'bytes':>10}")
    for name, encoder, compress in (
        ("remote write", WriteRequests(LABELS, 2000), snappy),
        ("OTLP", OtlpRequests(LABELS, 2000), lambda content: gzip.compress(content, 1)),
    ):
        for number, turn in enumerate(
            ("first collection", "second collection", "third collection", "end of every series")
        ):
            family = REQUESTS.family({labels: value + number for labels, value in series.items()})
            families = [] if turn.startswith("end") else [family]
            spent_s, step_s, size = asyncio.run(_push(encoder, compress, families, TIME_MS + number))
            print(f"{f'{name}, {turn}':32}{spent_s * 1e3:9.1f} ms{step_s * 1e3:11.2f} ms{size:10,}")
    began_s = time.thread_time()
    content = _peer(list(series.items()), TIME_MS)
    spent_s = time.thread_time() - began_s
    print(f"{'protobuf, each collection':32}{spent_s * 1e3:9.1f} ms{spent_s * 1e3:11.2f} ms{len(snappy(content)):10,}")


if __name__ == "__main__":
    main()
