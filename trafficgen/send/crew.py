"""The senders, as a run sees them."""

from typing import Protocol

from trafficgen.meter.meter import Meter


class Crew(Protocol):
    """Those who send: one worker in this process, or several in processes of their own."""

    start_delay_ns: int

    @property
    def meter(self) -> Meter:
        """What all of them have counted."""

    @property
    def stopped_ns(self) -> int:
        """When sending ended, on the monotonic clock; 0 before that."""

    async def reach(self) -> None:
        """Try the target. Raises ConfigError when it can't be reached."""

    async def work(self, start_ns: int) -> None:
        """Send the plan, the start of which is `start_ns`, and wait for the answers."""

    def stop(self) -> None:
        """Send nothing more and wait for the answers."""

    def abort(self) -> None:
        """End at once."""

    def planned_rate(self) -> float:
        """Requests a second that the plan wants now."""

    def phase(self) -> str:
        """The name of the phase that is on."""

    def connections(self) -> int:
        """Open connections."""
