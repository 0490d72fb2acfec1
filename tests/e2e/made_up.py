"""A Prometheus that answers any of the boards' queries with invented series: their labels are those of the query.

For what needs data on every panel and no meaning in it: looks, texts, colours.
"""

import contextlib
import json
import math
import re
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlparse

from dashboards.prometheus import Series
from dashboards.promql import Span

BOUNDS = ("0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1", "+Inf")
LABELS = {
    "route": ("/", "/api/v1/accounts/{id}/summary", "/api/v2/accounts/{id}/summary", "/missing"),
    "code": ("200", "404", "500", "1001"),
    "store_id": ("118042313", "194011200", "7", "0118"),
    "severity": ("page", "ticket"),
    "le": BOUNDS,
}
SIZES = (0.0, 0.004, 0.73, 1.0, 2.0, 61.0, 5400.0, 1.2e6, 3e10, -1.99)
NOTHING = "nothing"  # a query with this word in it has no answer
STATE = "state"  # one with this word is of the sizes themselves
_BY = re.compile(r"\bby\s*\(([^)]*)\)")


class MadeUp:
    """Answers in the place of `dashboards.prometheus.Prometheus`."""

    def __init__(self, sizes: Sequence[float] = SIZES, *, series: int = 4, labels: Sequence[str] = ()) -> None:
        """`series` series of each query, of values about `sizes` in turn, with `labels` where the query has none."""
        self._sizes = sizes
        self._series = series
        self._labels = labels

    async def range(self, expr: str, asked: Span) -> list[Series]:
        """As Prometheus' range query."""
        return self.over(expr, asked.start_s, asked.end_s, asked.step_s)

    async def instant(self, expr: str, time_s: float) -> list[Series]:
        """As Prometheus' instant query."""
        return self.at(expr, time_s)

    async def label_values(self, selector: str, label: str, asked: Span) -> list[str]:
        """Two values, whatever the label."""
        del selector, asked
        return [f"{label}-a", f"{label}-b"]

    def over(self, expr: str, start_s: float, end_s: float, step_s: float) -> list[Series]:
        """The series over a range; one has a gap, one a NaN."""
        times = [start_s + place * step_s for place in range(round((end_s - start_s) / step_s) + 1)]
        return [
            Series(labels, [(at, text) for at in times if (text := self._value(expr, place, at, step_s))])
            for place, labels in enumerate(self._labelled(expr))
        ]

    def at(self, expr: str, time_s: float) -> list[Series]:
        """The series at a time."""
        return [
            Series(labels, pair=(time_s, self._value(expr, place, time_s, 60) or "NaN"))
            for place, labels in enumerate(self._labelled(expr))
        ]

    def _value(self, expr: str, place: int, at: float, step_s: float) -> str:
        turn = int(at / step_s)
        if place == 1 and turn % 11 == 3:
            return ""
        if place == 2 and turn % 13 == 5:
            return "NaN"
        size = self._sizes[(place + turn // 7) % len(self._sizes)]
        exact = place % 2 or STATE in expr
        return repr(size if exact else size * (1 + 0.3 * math.sin(at / 300)))

    def _labelled(self, expr: str) -> list[dict[str, str]]:
        if NOTHING in expr:
            return []
        match = _BY.search(expr)
        names = [name.strip() for name in match[1].split(",") if name.strip()] if match else list(self._labels)
        count = len(BOUNDS) if "le" in names else self._series if names else 1
        return [{name: _one(name, place) for name in names} for place in range(count)]


def _one(name: str, place: int) -> str:
    known = LABELS.get(name)
    return known[place % len(known)] if known else f"{name}-{place}"


class Server(NamedTuple):
    """A `MadeUp` behind Prometheus' HTTP API. `asked` has the queries so far."""

    url: str
    asked: list[dict[str, str]]
    alerts: list[dict[str, Any]]
    answering: threading.Event  # cleared, it keeps every question waiting


@contextlib.contextmanager
def serve(made_up: MadeUp) -> Iterator[Server]:
    """Serve on loopback until the block ends."""
    asked: list[dict[str, str]] = []
    alerts: list[dict[str, Any]] = []
    answering = threading.Event()
    answering.set()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
            """Nothing is logged."""

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def do_GET(self) -> None:
            self._answer(urlparse(self.path).query)

        def _answer(self, text: str) -> None:
            form = {name: values[0] for name, values in parse_qs(text).items()}
            if "query" in form:
                asked.append(form)
            answering.wait()
            data = _data(made_up, urlparse(self.path).path, form, alerts)
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{server.server_port}", asked, alerts, answering)
        finally:
            answering.set()
            server.shutdown()
            thread.join()


def _data(made_up: MadeUp, path: str, form: dict[str, str], alerts: list[dict[str, Any]]) -> Any:
    if path.endswith("/values"):
        label = path.split("/")[-2]
        return [f"{label}-a", f"{label}-b"]
    if path.endswith("/config"):
        return {"yaml": "global: {scrape_interval: 2s}"}
    if path.endswith("/alerts"):
        return {"alerts": alerts}
    if path.endswith("/query"):
        found = made_up.at(form["query"], float(form["time"]))
        return {"resultType": "vector", "result": [{"metric": one.labels, "value": one.pair} for one in found]}
    series = made_up.over(form["query"], float(form["start"]), float(form["end"]), float(form["step"]))
    return {"resultType": "matrix", "result": [{"metric": one.labels, "values": one.pairs} for one in series]}
