"""The configuration of one stream of errors."""

from pathlib import Path
from typing import Annotated

import msgspec

from exporter.releases.compare.settings import Settings
from exporter.releases.parse import parse_code
from exporter.releases.polling import Polled
from exporter.releases.state import Limits
from exporter.sources.limits import MAX_FILES, MaxFiles
from foundation.errors import BadRecord
from foundation.grammar import Address
from foundation.keys import address
from foundation.secret import read_secret


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stream of errors: its origin, and the comparison of its builds.

    source: the name of the source, a label of all its metrics.
    http: where records are received by HTTP.
    tcp: where records are received by TCP.
    paths: files of records, followed as logs are.
    max_files: files of the paths that are followed; a warning and a metric report the others.
    prometheus: a Prometheus that is queried for a counter of errors.
    baseline: the build that the others are compared with; by default the lowest version.
    builds: builds that are known beforehand and have series at 0.
    codes: codes that are known beforehand and have series at 0.
    token_file: the file with the token that senders must show.
    web_config_file: TLS and users of http and tcp; by default those of --web.config.file.
    max_records_per_s: records per second that are accepted; senders of more are told to wait.
    compare: how counts are compared.
    exposure_file: shares of users of each build over time; read again when it changes.
    limits: limits of the stream.
    """

    source: Annotated[str, msgspec.Meta(min_length=1)]
    http: Annotated[Address, address()] | None = None
    tcp: Annotated[Address, address()] | None = None
    paths: list[str] = []
    max_files: MaxFiles = MAX_FILES
    prometheus: Polled | None = None
    baseline: str | None = None
    builds: list[str] = []
    codes: list[str | int | float] = []
    token_file: str | None = None
    web_config_file: str | None = None
    max_records_per_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    compare: Settings = Settings()
    exposure_file: str | None = None
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not (self.http or self.tcp or self.paths or (self.prometheus and self.prometheus.query)):
            raise ValueError("nothing to read: expected http, tcp, paths or prometheus with a query")
        if self.prometheus and self.compare.bin_s % (step_s := self.prometheus.step_s):
            raise ValueError(f"invalid compare.bin_s: expected whole steps of the query, for example {step_s}s")
        if sum((self.exposure_file is not None, self.users_asked, self.compare.exposure is not None)) > 1:
            raise ValueError("expected one of exposure_file, prometheus.exposure_query and compare.exposure")
        self.known_codes()

    @property
    def users_asked(self) -> bool:
        """Whether a Prometheus has the users of each build."""
        return self.prometheus is not None and self.prometheus.exposure_query is not None

    def known_codes(self) -> list[str]:
        """`codes` as records have them. Raises ValueError."""
        try:
            return [parse_code(str(code)) for code in self.codes]
        except BadRecord as exc:
            raise ValueError(str(exc)) from exc


def read_token(path: str | None) -> str | None:
    """The token in a file; None where no file is named. Raises ConfigError."""
    return read_secret(Path(path)) if path is not None else None
