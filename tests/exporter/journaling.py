"""A journal of tests: records as journalctl writes them, and the program that shows them."""

import json
import sys
from pathlib import Path

STAND_IN = Path(__file__).with_name("journal_stand_in.py")


def record(number, message, unit="nginx.service", boot=1, **fields):
    """A record, the `number`th of the journal, as journalctl 252 writes it with the fields that we ask for."""
    realtime_us = 1_764_200_000_000_000 + number * 1_000_000
    boot_id = f"{boot:032x}"
    cursor = f"s=fe16a2bf65d34cf585b3bbbe6e733519;i={number:x};b={boot_id};m={number:x};t={realtime_us:x};x={number:x}"
    written = {
        "__CURSOR": cursor,
        "__REALTIME_TIMESTAMP": str(realtime_us),
        "__MONOTONIC_TIMESTAMP": str(number),
        "_BOOT_ID": boot_id,
        "_SYSTEMD_UNIT": unit,
        "PRIORITY": "6",
        "MESSAGE": message,
        **fields,
    }
    return json.dumps(written, separators=(",", ":")).encode() + b"\n"


class Journal:
    """Records in a directory; `program` shows them."""

    def __init__(self, folder):
        self.directory = folder / "journal"
        self.directory.mkdir()
        self.records = self.directory / "records"
        self.records.touch()
        (self.directory / "calls").touch()
        self.program = folder / "journalctl"
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {STAND_IN} "$@"\n')
        self.program.chmod(0o755)

    def write(self, *records):
        """Add records."""
        with self.records.open("ab") as opened:
            opened.write(b"".join(records))

    def end(self, words):
        """Have a journalctl that follows end with these words."""
        written = self.directory / "end.new"
        written.write_text(words)
        written.rename(self.directory / "end")  # at once: the program must not find the file without its words

    def calls(self):
        """The arguments of each journalctl so far."""
        return [json.loads(line) for line in (self.directory / "calls").read_text().splitlines()]
