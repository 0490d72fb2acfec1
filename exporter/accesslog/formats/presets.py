"""The formats that have a name of their own."""

from exporter.accesslog.formats._model import Format, regex_format

CODE = "(?P<code>[0-9]{3})"
BYTES = "(?P<bytes>[0-9]{1,15}|-)"
TIME = r"(?P<time>[0-9]{1,9}(?:\.[0-9]{1,9})?|-)"

# `ip TAB METHOD target TAB code TAB bytes`. A request that has no method and target, as a server may log what it could
# not parse, is still one request.
_TAB_REQUEST = r"(?P<method>[^ \t]*) (?P<target>[^?\t]*)(?:\?[^\t]*)?"
_TAB = rf"[^\t]*\t{_TAB_REQUEST}\t{CODE}\t{BYTES}"
_TAB_RARE = rf"[^\t]*\t[^ \t]*\t{CODE}\t{BYTES}"

PRESETS: dict[str, Format] = {
    format_.name: format_
    for format_ in (
        regex_format("tab", _TAB, (_TAB_RARE,)),
        regex_format("tab-timed", rf"{_TAB}\t{TIME}", (rf"{_TAB_RARE}\t{TIME}",)),
    )
}
