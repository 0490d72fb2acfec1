"""The alert on the 500s: when it fires, when the receiver hears of it, and when it is over."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from trafficgen.verify.groups import POLL_S, Group, Truth, settle
from trafficgen.verify.peers import PeerError, Peers
from trafficgen.verify.table import Row

FIRED_WITHIN_S = 30.0
TOLD_WITHIN_S = 45.0
RESOLVED_WITHIN_S = 150.0  # the rule looks back one minute


class AlertTold(Group):
    """The alert on the 500s: it fires, the receiver hears of it, it resolves, and the receiver hears of that too."""

    def __init__(
        self, peers: Peers, say: Callable[[str], None], *, prometheus: str, receiver: str, alert: str, source: str
    ) -> None:
        self.name = f"the alert {alert}"
        self._say = say
        self._peers, self._prometheus, self._receiver = peers, prometheus, receiver
        self._alert, self._source = alert, source
        self._begun = time.time()
        self._first: float | None = None  # all of these: Unix time
        self._last = 0.0
        self._errors = 0
        self._fired: float | None = None
        self._told: float | None = None
        self._resolved: float | None = None
        self._over = asyncio.Event()

    def saw_errors(self, count: int) -> None:
        """Take note of how many 500s the generator has been answered so far."""
        if count > self._errors:
            self._last = time.time()
            if self._first is None:
                self._first = self._last
                self._say("the first 500 is answered")
            self._errors = count

    async def begin(self) -> None:
        """Wait until an earlier run's alert is over."""
        firing = await settle(self._firing, lambda got: not got, within_s=RESOLVED_WITHIN_S)
        if firing:
            raise PeerError(f"the alert {self._alert} is firing before the check's first error")
        self._begun = time.time()

    async def watch(self) -> None:
        """Note when the alert fires, and when the receiver hears of its start and end."""
        while self._resolved is None:
            await asyncio.sleep(POLL_S)
            try:
                if self._fired is None and await self._firing():
                    self._fired = time.time()
                    self._say(f"{self._alert} fires")
                await self._look_at_deliveries()
            except PeerError:
                continue  # the rows will tell
        self._over.set()

    async def rows(self, truth: Truth) -> list[Row]:  # noqa: ARG002, only the 500s matter
        """Three delays."""
        if self._first is None:
            return [Row(self.name, "500s answered", "none", holds=False)]
        wait_s = self._last + RESOLVED_WITHIN_S - time.time()
        if self._fired is None and self._told is None:
            wait_s = self._last + TOLD_WITHIN_S - time.time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), max(0.0, wait_s))
        return [
            _delay_row(f"{self._alert} fires", self._first, self._fired, FIRED_WITHIN_S, "first"),
            _delay_row("the receiver hears of it", self._first, self._told, TOLD_WITHIN_S, "first"),
            _delay_row("the receiver hears it resolved", self._last, self._resolved, RESOLVED_WITHIN_S, "last"),
        ]

    async def _look_at_deliveries(self) -> None:
        for delivery in await self._peers.deliveries(self._receiver, self._alert, self._source):
            if delivery.started_at < self._begun:
                continue
            if delivery.status == "firing" and self._told is None:
                self._told = delivery.received_at
                self._say("the receiver has heard of it")
            elif delivery.status == "resolved" and self._told is not None and delivery.received_at > self._last:
                self._resolved = delivery.received_at
                self._say("the receiver has heard that it is over")
                return

    async def _firing(self) -> bool:
        return await self._peers.firing(self._prometheus, self._alert, self._source)


def _delay_row(name: str, since: float, at: float | None, within_s: float, which: str) -> Row:
    got = "not seen" if at is None else f"after {at - since:.1f} s"
    return Row(name, f"within {within_s:g} s of the {which} 500", got, at is not None and at - since <= within_s)
