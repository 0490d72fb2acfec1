"""The options that commands of releases share, and whether they go together."""

import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from exporter.releases.asking import Server
from exporter.releases.counters import Labels
from exporter.sources.address import check_url
from foundation.errors import ConfigError
from foundation.flags import DurationType, InstantType, option_group
from foundation.secret import read_secret


class Asked(NamedTuple):
    """What the options of `prometheus` say."""

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

    def server(self) -> Server:
        """Who is asked."""
        token = None if self.token_file is None else read_secret(self.token_file)
        return Server(str(self.prometheus), Labels(self.version_label, self.code_label), token)


comparison = option_group(
    click.option("--baseline", help="The build to compare with; the lowest version unless named."),
    click.option(
        "--exposure",
        metavar="NUMBER|FILE",
        help="Users of the candidate for one of the baseline: a number, or a file of shares over time.",
    ),
    click.option("--alpha", default=0.05, show_default=True, help="Chance of any false alarm of the evidence."),
    click.option("--threshold", default=1.25, show_default=True, help="Threshold of mean-threshold."),
    click.option("--bins", default=5, show_default=True, help="Bins to a window of mean-threshold."),
    click.option(
        "--bin", "bin_s", type=DurationType(whole=True), default="10s", show_default=True, help="Length of a bin."
    ),
)
"""The options that every comparison has."""

_prometheus = option_group(
    click.option("--prometheus", metavar="URL", help="Count a Prometheus' series instead of FILE's records."),
    click.option(
        "--query", metavar="PROMQL", help="Errors, as 'sum by (version, code) (increase(app_errors_total[10s]))'."
    ),
    click.option("--from", "start", type=InstantType(), help="Start of the range; UTC unless it names a zone."),
    click.option("--to", "end", type=InstantType(), help="End of the range.  [default: now]"),
    click.option(
        "--step", "step_s", type=DurationType(whole=True), help="Between two values.  [default: the query's range]"
    ),
    click.option("--exposure-query", metavar="PROMQL", help="Users of each build over time, by its label."),
    click.option("--token-file", type=click.Path(path_type=Path), help="A bearer token for Prometheus."),
    click.option("--version-label", default="version", show_default=True, help="The label that is the build."),
    click.option("--code-label", default="code", show_default=True, help="The label that is the error code."),
)


def prometheus(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which a Prometheus takes the place of FILE, as one argument `counted`."""

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        asked = Asked(**{name: given.pop(name) for name in Asked._fields})
        return command(counted=asked, **given)

    return _prometheus(run)
