"""The configuration of one stream of errors."""

from pathlib import Path
from typing import Annotated

import msgspec

from exporter.releases.compare.settings import Settings
from exporter.releases.state import Limits
from foundation.errors import ConfigError
from foundation.secret import read_secret


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stream of errors."""

    source: Annotated[str, msgspec.Meta(min_length=1)]
    http: str | None = None
    tcp: str | None = None
    paths: list[str] = []
    baseline: str | None = None
    builds: list[str] = []
    codes: list[int] = []
    token_file: str | None = None
    web_config_file: str | None = None
    max_records_per_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    compare: Settings = Settings()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        """Raises ValueError for an address that is none."""
        for key in ("http", "tcp"):
            if (text := getattr(self, key)) is not None:
                try:
                    address(text, key)
                except ConfigError as exc:
                    raise ValueError(str(exc)) from exc


def address(text: str, where: str) -> tuple[str, int]:
    """`host:port` as a pair. Raises ConfigError that starts with `where`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{where}: {text!r} is not host:port, as 127.0.0.1:8095 is")
    return host.strip("[]"), int(port)


def read_token(path: str | None) -> str | None:
    """The token in a file; None where no file is named. Raises ConfigError."""
    return read_secret(Path(path)) if path is not None else None
