"""Follows the files of the contract: a window that is written there takes effect."""

import logging
from contextlib import suppress
from pathlib import Path

from exporter.hosting.contract import Contract, read_contract
from exporter.hosting.source import Source
from foundation.errors import TidewatchError

log = logging.getLogger(__name__)


class ContractFiles:
    """The contract of one source, read again when a file of it changes.

    Attributes:
        paths: of the files.
        contract: the last readable one.
        trouble: why the current files are not in force; "" if they are.
    """

    def __init__(self, source: Source) -> None:
        """Reads them. Raises ConfigError, SourceError."""
        self._source = source
        self.paths = [path for path in (source.plans, source.maintenance) if path is not None]
        self._seen = self._stamps()
        self.contract = self._read()
        self.trouble = ""

    def follow(self) -> bool:
        """Read the files again if they have changed; returns whether there is another contract. Blocks on the disk."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            contract = self._read()
        except TidewatchError as exc:
            self.trouble = str(exc)
            log.error("hosting %s: the contract that was read last stays in force: %s", self._source.source, exc)  # noqa: TRY400, the text says all
            return False
        log.info("hosting %s: the contract was reloaded", self._source.source)
        self.contract, self.trouble = contract, ""
        return True

    def _read(self) -> Contract:
        source = self._source
        promise = None if source.promise is None else str(source.promise)
        return read_contract(promise, source.plans, source.maintenance, source.zone())

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        """A value that changes with the file; None if it does not exist."""
        return [_stamp(path) for path in self.paths]


def _stamp(path: str) -> tuple[int, int, int] | None:
    with suppress(OSError, ValueError):
        status = Path(path).stat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None
