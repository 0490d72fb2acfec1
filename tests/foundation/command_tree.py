"""Every command of every program, for tests that hold for all of them."""

import click

import exporter.cli
import timeserver.cli
import trafficgen.cli
from alerts.cli import main as alerts
from dashboards.cli import main as dashboards
from exporter.stats.collector import cli as collector
from exporter.stats.plot import cli as plot

ROOTS = {
    "timeserver": timeserver.cli.command,
    "trafficgen": trafficgen.cli.cli,
    "exporter": exporter.cli.cli,
    "collector": collector.command,
    "plot": plot.command,
    "alerts": alerts,
    "dashboards": dashboards,
}


def below(command, path):
    """A command and all below it, each as (path, command)."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from below(command.get_command(context, name), f"{path} {name}")


COMMANDS = dict(found for name, root in ROOTS.items() for found in below(root, name))
OPTIONS = [
    (f"{path} {option.opts[0]}", option)
    for path, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]
