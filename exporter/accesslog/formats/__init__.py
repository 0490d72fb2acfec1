"""Log formats by name, by the server's own format string, or by a regex."""

from collections.abc import Collection

import msgspec

from exporter.accesslog.formats._model import (
    GROUPS,
    NAMED,
    UNITLESS,
    Fields,
    Format,
    Unitless,
    complete,
    locate,
    no_unitless,
    with_more,
)
from exporter.accesslog.formats.custom import check_groups, custom_format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.keyed.field_paths import UserPaths, with_user_paths
from exporter.accesslog.formats.keyed.header import csv_format, header_format
from exporter.accesslog.formats.keyed.structured import json_format, logfmt_format
from exporter.accesslog.formats.presets import ALIASES, PRESETS, preset
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.caddy import caddy_format, is_caddy
from exporter.accesslog.formats.strings.pasted import bare_format
from exporter.accesslog.formats.strings.percents import is_morgan, is_tomcat, morgan_format, percent_format
from exporter.accesslog.formats.strings.servers import DIRECTIVE, IIS_TIME, nginx_parts, w3c_format
from exporter.accesslog.formats.strings.variables import Variable
from foundation.nearest import nearest

__all__ = [
    "ALIASES",
    "GROUPS",
    "NAMED",
    "PRESETS",
    "UNITLESS",
    "UNITS_NS",
    "Fields",
    "Format",
    "Unitless",
    "UserPaths",
    "check_groups",
    "complete",
    "find_format",
    "locate",
    "with_more",
]

STRUCTURED = {"json": json_format, "logfmt": logfmt_format, "csv": csv_format}


def find_format(
    text: str, *, fields: UserPaths | None = None, time_unit: str | None = None, used: Collection[str] = ()
) -> Format:
    """The format that `text` is.

    Args:
        text: a name; nginx's `log_format` (it has a `$`); Apache's `LogFormat` or another server's string with a `%`;
            morgan's with a `:`; Caddy's template with `{}`; a W3C `#Fields:` line or a header of CSV; or a regex with
            named groups.
        fields: where the fields are, for `json` and `logfmt` only.
        time_unit: what its times are in, where that differs from the format's usual: s, ms, us, ns.
        used: names of fields beside the five that are asked for.

    Raises:
        ValueError: it is none of these; the text says what would be right.
    """
    text = bare_format(text).strip("\r\n").removesuffix("\\n")  # the end of a line is none of its fields
    if make := STRUCTURED.get(text):
        paths = with_user_paths(fields or UserPaths(), time_unit)
        return make(text, paths)
    if fields is not None:
        raise ValueError(f"format {text}: fields are for {' and '.join(STRUCTURED)}, whose lines name what they have")
    name = ALIASES.get(text, text)
    if name in PRESETS:
        return preset(name, time_unit)
    found = with_unit(_read(text, time_unit), time_unit)
    check_groups(found, used)
    return found


def with_unit(format_: Format, time_unit: str | None) -> Format:
    """The format, with its durations in a unit that the user has named."""
    if time_unit is None:
        return format_
    return msgspec.structs.replace(format_, duration_unit_ns=UNITS_NS[time_unit], find_unitless=no_unitless)


def _read(text: str, time_unit: str | None) -> Format:
    if not text.isascii():
        raise ValueError("format: expected only ASCII in a format string")
    if "(?P<" in text:
        return custom_format(text)
    if text.encode().startswith(DIRECTIVE):
        time_taken = Variable("duration", UNITS_NS[time_unit]) if time_unit else IIS_TIME
        return w3c_format("w3c", text.removeprefix(DIRECTIVE.decode()), time_taken=time_taken)
    if is_caddy(text):
        return caddy_format(text)
    if "$" in text:
        return assemble("nginx", nginx_parts(text))
    if "%" in text or is_tomcat(text):
        return percent_format(text, time_unit)
    if is_morgan(text):
        return morgan_format(text)
    if found := header_format(text, with_user_paths(UserPaths(), time_unit)):
        return found
    close = nearest(text, [*PRESETS, *ALIASES])
    hint = f"did you mean {close}?" if close else f"known here: {', '.join(PRESETS)}"
    raise ValueError(f"format {text!r} is not known; {hint}, or a server's format string, or a regex")
