"""The options that commands of releases share, and whether they go together."""

import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from exporter.sources.address import check_url
from foundation.errors import ConfigError
from foundation.flags import DurationType, InputFile, InstantType, option_group
from foundation.secret import read_secret

if TYPE_CHECKING:
    from exporter.releases.asking import Server


class Asked(NamedTuple):
    """The values of the options of `prometheus`."""

    prometheus: str | None = None
    query: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    step_s: int | None = None
    exposure_query: str | None = None
    token_file: Path | None = None
    version_label: str = "version"
    code_label: str = "code"

    def check(self, file: str | None) -> None:
        """Whether the options go together. Raises ConfigError."""
        if file is None and self.prometheus is None:
            raise ConfigError("report: expected a FILE, or --prometheus URL with --query and --from")
        if self.prometheus is None:
            if any((self.query, self.start, self.end, self.step_s, self.exposure_query, self.token_file)):
                raise ConfigError("--query, --from, --to, --step, --exposure-query and --token-file need --prometheus")
            return
        try:
            check_url(self.prometheus)
        except ValueError as exc:
            raise ConfigError(f"--prometheus: {exc}") from exc
        if (file is None) != (self.query is not None) or (file is not None and not self.exposure_query):
            raise ConfigError("--prometheus: expected --query for the errors, or a FILE of them with --exposure-query")
        if file is None and self.start is None:
            raise ConfigError("--query: expected --from TIME, for example --from 2026-11-27T09:00Z")

    def server(self) -> "Server":
        """Who is asked."""
        from exporter.releases.asking import Server
        from exporter.releases.counters import Labels

        token = None if self.token_file is None else read_secret(self.token_file)
        return Server(str(self.prometheus), Labels(self.version_label, self.code_label), token)


comparison = option_group(
    click.option("--baseline", help="The build to compare with.  [default: the lowest version]"),
    click.option(
        "--exposure",
        metavar="NUMBER|FILE",
        help="Ratio of candidate users to baseline users: a number, or a file of shares over time.",
    ),
    click.option("--alpha", default=0.05, show_default=True, help="Chance of any false alarm of the evidence."),
    click.option("--threshold", default=1.25, show_default=True, help="Threshold of mean-threshold."),
    click.option("--bins", default=5, show_default=True, help="Bins per window of mean-threshold."),
    click.option(
        "--bin", "bin_s", type=DurationType(whole=True), default="10s", show_default=True, help="Length of a bin."
    ),
)
"""The options that every comparison has."""

_prometheus = option_group(
    click.option(
        "--prometheus", metavar="URL", help="Count series of a Prometheus server instead of the records of FILE."
    ),
    click.option(
        "--query",
        metavar="PROMQL",
        help="Errors, for example 'sum by (version, code) (increase(app_errors_total[10s]))'.",
    ),
    click.option("--from", "start", type=InstantType(), help="Start of the range; UTC unless it names a zone."),
    click.option("--to", "end", type=InstantType(), help="End of the range.  [default: now]"),
    click.option(
        "--step", "step_s", type=DurationType(whole=True), help="Time between two values.  [default: the query's range]"
    ),
    click.option("--exposure-query", metavar="PROMQL", help="Users of each build over time, by its label."),
    click.option("--token-file", type=InputFile(), help="A bearer token for Prometheus."),
    click.option("--version-label", default="version", show_default=True, help="The label with the build."),
    click.option("--code-label", default="code", show_default=True, help="The label with the error code."),
)


def prometheus(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for a Prometheus in place of FILE, as one argument `counted`."""

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        """The command, with the options of Prometheus as one argument."""
        asked = Asked(**{name: given.pop(name) for name in Asked._fields})
        return command(counted=asked, **given)

    return _prometheus(run)
