"""The alert on the 500s: when it fires, when it reaches the receiver, and when it is over."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from trafficgen.verify.groups import POLL_S, Group, Traffic, read_until
from trafficgen.verify.peers import PeerError, Peers
from trafficgen.verify.table import Row

FIRED_WITHIN_S = 30.0
DELIVERED_WITHIN_S = 45.0
RESOLVED_WITHIN_S = 150.0  # the rule looks back one minute


class Alert(Group):
    """The alert on the 500s: it fires and is delivered, it resolves, and its end is delivered."""

    def __init__(
        self, peers: Peers, say: Callable[[str], None], *, prometheus: str, receiver: str, alert: str, source: str
    ) -> None:
        """`say`: called with each event, as text for the user.

        `prometheus`, `receiver`: URLs. `alert`: its name. `source`: a label of it.
        """
        self.name = f"the alert {alert}"
        self._say = say
        self._peers, self._prometheus, self._receiver = peers, prometheus, receiver
        self._alert, self._source = alert, source
        self._begun_at = time.time()
        self._first_at: float | None = None  # all of these: Unix time
        self._last_at = 0.0
        self._errors = 0
        self._fired_at: float | None = None
        self._delivered_at: float | None = None
        self._resolved_at: float | None = None
        self._over = asyncio.Event()

    def saw_errors(self, count: int) -> None:
        """Record how many 500s the generator has received so far."""
        if count > self._errors:
            self._last_at = time.time()
            if self._first_at is None:
                self._first_at = self._last_at
                self._say("the first 500 is answered")
            self._errors = count

    async def begin(self) -> None:
        """Wait until an earlier run's alert is over."""
        firing = await read_until(self._firing, lambda got: not got, within_s=RESOLVED_WITHIN_S)
        if firing:
            raise PeerError(f"the alert {self._alert} is firing before the check's first error")
        self._begun_at = time.time()

    async def watch(self) -> None:
        """Note when the alert fires, and when its start and its end are delivered."""
        while self._resolved_at is None:
            await asyncio.sleep(POLL_S)
            try:
                if self._fired_at is None and await self._firing():
                    self._fired_at = time.time()
                    self._say(f"{self._alert} fires")
                await self._look_at_deliveries()
            except PeerError:
                continue  # the rows will report it
        self._over.set()

    async def rows(self, traffic: Traffic) -> list[Row]:  # noqa: ARG002, only the 500s matter
        """Three delays."""
        if self._first_at is None:
            return [Row(self.name, "500s answered", "none", holds=False)]
        wait_s = self._last_at + RESOLVED_WITHIN_S - time.time()
        if self._fired_at is None and self._delivered_at is None:
            wait_s = self._last_at + DELIVERED_WITHIN_S - time.time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), max(0.0, wait_s))
        return [
            _delay_row(f"{self._alert} fires", self._first_at, self._fired_at, FIRED_WITHIN_S, "first"),
            _delay_row("it is delivered", self._first_at, self._delivered_at, DELIVERED_WITHIN_S, "first"),
            _delay_row("its end is delivered", self._last_at, self._resolved_at, RESOLVED_WITHIN_S, "last"),
        ]

    async def _look_at_deliveries(self) -> None:
        for delivery in await self._peers.deliveries(self._receiver, self._alert, self._source):
            if delivery.started_at < self._begun_at:
                continue
            if delivery.status == "firing" and self._delivered_at is None:
                self._delivered_at = delivery.received_at
                self._say("the alert is delivered")
            elif (
                delivery.status == "resolved"
                and self._delivered_at is not None
                and delivery.received_at > self._last_at
            ):
                self._resolved_at = delivery.received_at
                self._say("the end of the alert is delivered")
                return

    async def _firing(self) -> bool:
        return await self._peers.firing(self._prometheus, self._alert, self._source)


def _delay_row(name: str, since: float, at: float | None, within_s: float, which: str) -> Row:
    got = "not seen" if at is None else f"after {at - since:.1f} s"
    return Row(name, f"within {within_s:g} s of the {which} 500", got, at is not None and at - since <= within_s)
