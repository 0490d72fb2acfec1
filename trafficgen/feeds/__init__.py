"""Feeds for the systems other than website traffic, each with its own truth: `trafficgen feed NAME`."""

import click

from trafficgen.lazy import LazyGroup

FEEDS: dict[str, str] = {
    "hosting": "trafficgen.feeds.hosting:command",
    "releases": "trafficgen.feeds.releases:command",
    "stores": "trafficgen.feeds.stores:command",
}
"""Name of the feed -> "module:command", a click command."""


@click.group(cls=LazyGroup, lazy=FEEDS)
def feed() -> None:
    """Generate hosting logs, store polls and error streams, with the truth to compare with."""
