"""The senders, as a run sees them."""

from typing import Protocol

from trafficgen.meter.meter import Meter


class Crew(Protocol):
    """The workers: one in this process, or several, each in its own process."""

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
        """Current target rate of the plan, in requests per second."""

    def phase(self) -> str:
        """The name of the phase that is on."""

    def records_lost(self) -> str:
        """Why the records of the requests are not whole; empty as long as they are."""

    def connections(self) -> int:
        """Open connections."""
