"""Feeds for the systems other than website traffic, each with its own truth: `trafficgen feed NAME`."""

import click

from foundation.exits import help_end
from foundation.lazy import Lazy, LazyGroup

FEEDS = {
    "hosting": Lazy(
        "trafficgen.feeds.hosting:command",
        "Logs of a web host's manager and servers; the true downtime of every account in truth.json.",
    ),
    "releases": Lazy(
        "trafficgen.feeds.releases:command",
        "Send an error stream of several builds, one of which may become worse.",
    ),
    "stores": Lazy(
        "trafficgen.feeds.stores:command",
        "Write polls, business hours and time zones of stores, and when they were really down (truth.json).",
    ),
}


@click.group(cls=LazyGroup, lazy=FEEDS, epilog=help_end("trafficgen feed hosting --output world --speed max"))
def feed() -> None:
    """Generate hosting logs, store polls and error streams, with the truth to compare with."""
