"""The webhook receiver: prints each change that Alertmanager delivers once, and complains when the watchdog stops.

POST / takes notifications, POST /heartbeat those of the watchdog. GET: / (page of the alerts, with filters),
/notifications (JSON, as they came), /runbooks, /metrics, /-/healthy.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from alerts.changes import Changes, Filter
from alerts.notifications import Alert, BadNotification, Notification, Recent, line, parse_notification
from alerts.page import alerts_page, runbooks_page
from alerts.planned import Next, Planned, next_times
from foundation.signals import stop_on_signals
from foundation.terminal import echo
from foundation.web import Guard, WebPolicy
from foundation.web import metrics as web_metrics
from foundation.web.bodies import BodyError, aside, whole_body
from foundation.web.headers import PAGE_CSP

MAX_BODY_BYTES = 1 << 20  # Alertmanager's messages are some kB; a group of thousands of alerts still fits
SHUTDOWN_S = 5.0  # for requests in flight


class Receiver:
    """What the handlers share: memory, counts, and the heartbeat.

    Args:
        say: takes an alert that has changed, for people (stdout in the program).
        complain: takes one line about trouble (stderr in the program).
        now: the time in UTC.
        clock: seconds on a monotonic clock.
        heartbeat_timeout_s: silence of the watchdog that is worth a complaint.
        wanted: which alerts are said; all of them are kept.
        policy: what the server is held to, whose state is exposed.
        planned: faults that the page announces.
    """

    def __init__(
        self,
        *,
        say: Callable[[Alert], None],
        complain: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        heartbeat_timeout_s: float = 120.0,
        wanted: Filter = Filter(),  # noqa: B008, it is frozen
        policy: WebPolicy | None = None,
        planned: Sequence[Planned] = (),
    ) -> None:
        self._planned = list(planned)
        self.recent = Recent()
        self.changes = Changes(now())
        self._wanted = wanted
        self._say, self._complain, self._now, self._clock = say, complain, now, clock
        self._timeout_s = heartbeat_timeout_s
        self._policy = policy or WebPolicy()
        self._started = self._clock()
        self._beat: float | None = None  # on the monotonic clock
        self._complained = False
        self._received = {"firing": 0, "resolved": 0}
        self._refused = 0

    async def take(self, body: bytes) -> None:
        """Keep one notification, and say which of its alerts have changed. Raises BadNotification."""
        notification = await self._read(body)
        received_at = notification.received_at
        assert received_at is not None, "parse_notification sets it"
        self._received[notification.status] += 1
        self.recent.add(notification, len(body))
        for alert in notification.alerts:
            if self.changes.take(alert, received_at) and self._wanted(alert):
                self._say(alert)

    async def beat(self, body: bytes) -> None:
        """The watchdog was heard. Raises BadNotification."""
        await self._read(body)
        if self._complained:
            self._complain("watchdog heard again")
        self._beat, self._complained = self._clock(), False

    def silence_s(self) -> float:
        """Seconds since the watchdog was last heard, or since the start."""
        return self._clock() - (self._started if self._beat is None else self._beat)

    def heartbeat(self) -> tuple[str, bool]:
        """How the watchdog is, in words, and whether it has been silent for too long."""
        silence = self.silence_s()
        last = "never heard" if self._beat is None else f"last heard {silence:.0f} s ago"
        if silence > self._timeout_s:
            return f"Watchdog {last}: alerts may not arrive. Look at Prometheus and Alertmanager.", True
        return f"Watchdog {last}.", False

    def planned(self) -> list[Next]:
        """When the planned faults come next."""
        return next_times(self._planned, self._now())

    def watch(self) -> None:
        """Complain, once, if the watchdog has been silent for too long."""
        text, silent = self.heartbeat()
        if silent and not self._complained:
            self._complained = True
            self._complain(text)

    def collect(self) -> Iterator[Metric]:
        """The receiver's own metrics, as prometheus-client collects them."""
        received = CounterMetricFamily(
            "alert_receiver_notifications", "Notifications received, by status.", labels=["status"]
        )
        for status, count in self._received.items():
            received.add_metric([status], count)
        yield received
        yield CounterMetricFamily("alert_receiver_refused", "Request bodies that are not notifications.", self._refused)
        yield GaugeMetricFamily(
            "alert_receiver_heartbeat_silence_seconds",
            "Time since the watchdog was last heard, or since the start.",
            self.silence_s(),
        )
        yield from web_metrics.collect(self._policy, "alert_receiver")

    async def _read(self, body: bytes) -> Notification:
        try:
            return await aside(parse_notification, body, self._now())
        except BadNotification:
            self._refused += 1
            raise


RECEIVER = web.AppKey("receiver", Receiver)


def make_app(receiver: Receiver, guard: Guard) -> web.Application:
    """The receiver's HTTP side, behind `guard`."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app[RECEIVER] = receiver
    app.add_routes(
        [
            web.post("/", _post),
            web.post("/heartbeat", _post_heartbeat),
            web.get("/", _page),
            web.get("/notifications", _notifications),
            web.get("/runbooks", _runbooks),
            web.get("/metrics", _metrics),
            web.get("/-/healthy", _healthy),
        ]
    )
    guard.protect(app)
    return app


async def serve(
    host: str,
    port: int,
    *,
    policy: WebPolicy,
    heartbeat_timeout_s: float,
    wanted: Filter,
    planned: Sequence[Planned] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; the second one ends at once. Raises SourceError if the port can't be had."""
    stop = stop_on_signals(_complain)
    receiver = Receiver(
        say=_say,
        complain=_complain,
        heartbeat_timeout_s=heartbeat_timeout_s,
        wanted=wanted,
        policy=policy,
        planned=planned,
    )
    async with AsyncExitStack() as stack:
        guard = Guard(stack.enter_context(policy), hosts=[host])
        bound = await guard.serve(make_app(receiver, guard), (host, port), stack, shutdown_s=SHUTDOWN_S)
        _complain(f"listening on {policy.scheme}://{bound}/")
        if str(wanted):
            _complain(f"printing only {wanted}; the page has all")
        await _watch_until(stop, receiver)


async def _watch_until(stop: asyncio.Event, receiver: Receiver) -> None:
    while not stop.is_set():
        receiver.watch()
        try:
            await asyncio.wait_for(stop.wait(), timeout=1.0)
        except TimeoutError:
            continue


def _say(alert: Alert) -> None:
    text = line(alert)
    try:
        echo(text, first_word="red" if alert.status == "firing" else "green")
    except OSError as exc:  # a full disk, a reader that is gone: the alert itself is kept all the same
        _complain(f"stdout: {exc.strerror}: {text}")


def _complain(text: str) -> None:
    with suppress(OSError):
        echo(f"alerts receiver: {text}", err=True)


async def _post(request: web.Request) -> web.Response:
    return await _take(request, request.app[RECEIVER].take)


async def _post_heartbeat(request: web.Request) -> web.Response:
    return await _take(request, request.app[RECEIVER].beat)


async def _take(request: web.Request, take: Callable[[bytes], Awaitable[None]]) -> web.Response:
    # A page in somebody's browser can post to loopback, but not as JSON without asking first.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send application/json\n")
    try:
        async with whole_body(request, MAX_BODY_BYTES) as body:
            await take(body)
    except BodyError as exc:
        return web.Response(status=exc.status, text=f"{exc}\n", headers=exc.headers)
    except BadNotification as exc:
        raise web.HTTPBadRequest(text=f"not a webhook message of Alertmanager: {exc}\n") from exc
    return web.Response(text="ok\n")


async def _page(request: web.Request) -> web.Response:
    receiver = request.app[RECEIVER]
    words, silent = receiver.heartbeat()
    asked = Filter(**{kind: tuple(request.query.getall(kind, ())) for kind in Filter.__struct_fields__})
    known = list(receiver.changes)
    planned = receiver.planned()
    html = await asyncio.to_thread(alerts_page, known, asked, words, heartbeat_silent=silent, planned=planned)
    return _as_html(html)


async def _notifications(request: web.Request) -> web.Response:
    body = msgspec.json.encode(list(request.app[RECEIVER].recent))
    return web.Response(body=body, content_type="application/json")


async def _runbooks(_request: web.Request) -> web.Response:
    text = await asyncio.to_thread(runbooks)
    return _as_html(runbooks_page(text))


def _as_html(html: str) -> web.Response:
    return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": PAGE_CSP})


async def _metrics(request: web.Request) -> web.Response:
    registry = CollectorRegistry()
    registry.register(request.app[RECEIVER])
    body = generate_latest(registry)
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def runbooks() -> str:
    """The text of docs/alerts.md, which installed packages carry as alerts/runbooks.md, without its comments."""
    carried = resources.files("alerts") / "runbooks.md"
    if not carried.is_file():
        carried = Path(__file__).parents[1] / "docs" / "alerts.md"
    return re.sub(r"^<!--.*-->\n", "", carried.read_text("utf-8"), flags=re.MULTILINE)
