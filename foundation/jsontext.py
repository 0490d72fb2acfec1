r"""JSON that may also be printed: control characters are written as `\uNNNN`, which every reader decodes.

RFC 8259 asks for escapes of U+0000 to U+001F alone; DEL, C1 controls and the marks that reverse text may be raw,
and reach the terminal of a person who prints the file.
"""

import re
from typing import Any

_RAW = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def json_text(value: Any, *, indent: int = 0) -> str:
    """`value` (anything that msgspec encodes) as JSON, on one line or indented by so many blanks."""
    import msgspec  # noqa: PLC0415, a tenth of the start of a program that escapes only

    data = msgspec.json.encode(value)
    return escape_json((msgspec.json.format(data, indent=indent) if indent else data).decode())


def escape_json(text: str) -> str:
    r"""JSON `text` with all control characters as `\uNNNN`. They occur in strings only, so the meaning stays."""
    return _RAW.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
