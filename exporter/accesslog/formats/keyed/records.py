"""Lines to records: the keys of a line and their values. Pure."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from exporter.accesslog.formats.keyed.almost_json import repaired
from foundation.errors import BadRecord
from foundation.jsonread import why_not_json

# A token starts only after a blank, and what it took is not given back: one look at each byte, whatever the line.
_PAIR = re.compile(r'(?<!\S)([^\s="]++)=(?:"((?:[^"\\]|\\.)*+)"|(\S*+))')

Record = Mapping[str, Any]

decode_json = msgspec.json.Decoder(dict[str, Any]).decode
BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_json(line: bytes) -> Record:
    """The object, also where a server's template made almost JSON of it. Raises BadRecord."""
    try:
        return decode_json(line)
    except BROKEN as exc:
        if line.lstrip().startswith(b"{"):
            with suppress(*BROKEN):
                return decode_json(repaired(line))
        raise BadRecord("format", f"not a JSON object: {why_not_json(exc)}") from exc


def read_logfmt(line: bytes) -> Record:
    """The pairs; words without an equals sign are skipped. Raises BadRecord."""
    pairs = _PAIR.findall(line.decode("utf-8", "replace"))
    if not pairs:
        raise BadRecord("format", "no key=value in the line")
    return {key: quoted.replace('\\"', '"') if quoted else plain for key, quoted, plain in pairs}
