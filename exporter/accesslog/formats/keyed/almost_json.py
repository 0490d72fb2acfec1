r"""Invalid JSON that text templates produce, for example nginx with its default escaping.

Such a line has `\x22` in strings, which is not JSON, bytes that are not UTF-8 and bare control characters; and
outside of strings nothing, a dash, a list or `000` where a value is missing, several or a code. Programs write half of
a surrogate pair (`\udc80`, Python and Node for what was not UTF-8) and `NaN`. The meaning of each is certain if strings
end where they seem to: quotes in them are always escaped.
"""

import re

# What a part took is not given back, and each begins where the last ended: one look at each byte, whatever the line.
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)"|([^"]++)', re.DOTALL)
_HEX = r"[0-9A-Fa-f]"
_PAIR = rf"\\u[Dd][89ABab]{_HEX}{{2}}\\u[Dd][C-Fc-f]{_HEX}{{2}}"
_HALF = rf"\\u[Dd][89A-Fa-f]{_HEX}{{2}}"
_ESCAPE = re.compile(
    rf"\\x(?P<byte>{_HEX}{{2}})|(?P<pair>{_PAIR})|(?P<half>{_HALF})|\\(?P<other>.)|(?P<bare>[\x00-\x1f])".encode(),
    re.DOTALL,
)
_NOTHING = (b"", b"-", b"NaN", b"Infinity", b"-Infinity")
_KNOWN_TO_JSON = b'"\\/bfnrtu'
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_BARE_LIST = re.compile(rb"[-0-9.,: ]+")


def repaired(line: bytes) -> bytes:
    """The line as JSON, if possible; other errors in it remain."""
    pieces, end = [], 0
    while match := _TOKEN.match(line, end):
        pieces.append(_token(match))
        end = match.end()
    pieces.append(line[end:])  # in a string without an end, nothing is certain
    return b"".join(pieces).decode("utf-8", "replace").encode()


def _token(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return b'"%b"' % _ESCAPE.sub(_escape, match[1])
    return _between(match[2])


def _escape(match: re.Match[bytes]) -> bytes:
    if match["half"] is not None:
        return b"\\ufffd"
    if match["pair"] is not None:
        return match[0]
    if (other := match["other"]) is not None:
        return match[0] if other in _KNOWN_TO_JSON else b"\\\\" + other
    byte = bytes.fromhex(match["byte"].decode()) if match["byte"] else match["bare"]
    if byte in (b'"', b"\\"):
        return b"\\" + byte
    return byte if byte >= b" " else b"\\u%04x" % byte[0]


def _between(text: bytes) -> bytes:
    """What is between two strings: `: value,` or `: value}` is looked at, all else stays."""
    before, colon, rest = text.partition(b":")
    value = rest.rstrip(b" \t,}]")
    end = rest[len(value) :]
    value = value.strip()
    if not colon or before.strip() or not end.strip() or _NUMBER.fullmatch(value):
        return text
    if value in _NOTHING:
        return b":null" + end
    return b':"%b"%b' % (value, end) if _BARE_LIST.fullmatch(value) else text
