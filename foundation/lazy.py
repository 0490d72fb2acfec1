"""Click groups whose commands are imported when they are used, so that --help and errors about flags are quick.

    @click.group(cls=LazyGroup, lazy={"feed": Lazy("trafficgen.feeds:feed", "Generate hosting logs ...")})

The help of the group shows the texts given here and imports nothing; tests/foundation/test_lazy.py compares them with
those of the commands.
"""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """A command that is imported when it is used: `module:attribute`, and the first paragraph of its help."""

    place: str
    help: str


class LazyGroup(click.Group):
    """A group some of whose commands are `Lazy`."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy] | None = None, **kwargs: Any) -> None:
        """`lazy`: commands by name; the rest is click's."""
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, imported or not."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command if it is a lazy one."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        place = self.lazy[cmd_name].place
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), place
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without an import."""
        shown = {name: click.Command(name, help=lazy.help) for name, lazy in self.lazy.items()}
        click.Group(commands={**self.commands, **shown}).format_commands(ctx, formatter)
