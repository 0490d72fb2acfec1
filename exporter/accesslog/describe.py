"""A log line to the format string that would describe it, for logs in a format of their own. Pure."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"""\[(?P<bracket>[^\]]*)\]|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"\[\]$]+)""")
_WRAPPED = {"bracket": "[{}]", "quoted": '"{}"', "bare": "{}"}
_REQUEST = re.compile(r"[A-Z]{3,10} \S+(?: HTTP/[0-9.]+)?")
_CLF_DATE = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:")

_BARE = (  # what a bare token may be: each once, tried in this order, and only after the other has been seen
    ("request_method", re.compile(r"GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS"), None),
    ("request_uri", re.compile(r"/\S*"), None),
    ("status", re.compile(r"[1-5][0-9]{2}"), "request_uri"),
    ("body_bytes_sent", re.compile(r"[0-9]+|-"), "status"),
    ("request_time", re.compile(r"[0-9]+\.[0-9]+"), "status"),
)


def describe(data: bytes) -> Iterator[str]:
    """Strings as nginx's `log_format` has them, from the first lines; lines without a status code give none."""
    for line in data.splitlines()[:3]:
        if line.isascii() and b"$" not in line and (text := _string(line.decode())):
            yield text


def _string(line: str) -> str | None:
    parts: list[str] = []
    seen: set[str] = set()
    end = 0
    for number, match in enumerate(_TOKEN.finditer(line)):
        names = _names(match, seen)
        seen.update(names)
        variable = f"${names[0] if names else f'field{number}'}"
        parts += [line[end : match.start()], _WRAPPED[match.lastgroup or "bare"].format(variable)]
        end = match.end()
    return "".join([*parts, line[end:]]) if "status" in seen else None


def _names(match: re.Match[str], seen: set[str]) -> tuple[str, ...]:
    """The variable that a token is, and those that need not be looked for any more; nothing if it is just text."""
    if match["bracket"] is not None:
        return ("time_local",) if _CLF_DATE.match(match["bracket"]) else ()
    if match["quoted"] is not None:
        is_request = "request" not in seen and _REQUEST.fullmatch(match["quoted"])
        return ("request", "request_method", "request_uri") if is_request else ()
    for name, pattern, after in _BARE:
        if name not in seen and (after is None or after in seen) and pattern.fullmatch(match["bare"]):
            return (name,)
    return ()
