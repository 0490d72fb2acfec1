"""Logs whose fields have names: JSON and logfmt.

The first of a field's paths is used at which the line has a value that can be the field: `status: "ok"` does not hide
`status_code: 500`. In bulk, all lines are read in the same way as one of them, see `same_keys` and `learned`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Fields, Format, Unitless, reshaped_with
from exporter.accesslog.formats.durations import UNITS_NS, duration_ns, is_duration, is_number, unit_of_name
from exporter.accesslog.formats.groups import MARK
from exporter.accesslog.formats.keyed.field_paths import FieldPaths, Plan, Role
from exporter.accesslog.formats.keyed.finder import Finder, value_at
from exporter.accesslog.formats.keyed.learned import is_plain, shaped
from exporter.accesslog.formats.keyed.records import BROKEN, Record, decode_json, read_json, read_logfmt
from exporter.accesslog.formats.keyed.same_keys import Meaning, Request, SameKeys, same_keys
from exporter.accesslog.formats.keyed.values import (
    FITS,
    REQUEST,
    TARGET,
    field_text,
    is_code,
    is_method,
    is_request,
    is_size,
    is_target,
    is_time,
    is_whole,
    more_text,
    time_text,
)
from foundation.errors import BadRecord


def json_format(name: str, paths: FieldPaths, more: tuple[str, ...] = ()) -> Format:
    """A format of one JSON object a line; `more`: as `Format` has it."""
    find = Finder(paths)
    keys = _keys(more)

    def same(line: bytes) -> SameKeys | None:
        """How to read lines with the keys of this one; None where they must be read one by one."""
        try:
            record = decode_json(line)
            plan = _plan(record, paths, find) if record_fields(record, paths, find) else None
        except (BadRecord, *BROKEN):
            return None
        return same_keys(record, plan, _meaning(plan, paths, find), keys) if plan else None

    made = keyed_format(name, paths, read_json, find, more)
    return msgspec.structs.replace(
        made, same_keys=same, choose=lambda one, wanted: _chosen(one, json_format(name, paths, wanted))
    )


def logfmt_format(name: str, paths: FieldPaths, more: tuple[str, ...] = ()) -> Format:
    """A format of `key=value key="quoted value"` lines; `more`: as `Format` has it."""
    find = Finder(paths)
    keys = _keys(more)

    def learn(line: bytes) -> Format | None:
        """A format for lines of this line's form; None where there is none."""
        try:
            record = read_logfmt(line)
            fields, plan = record_fields(record, paths, find), _plan(record, paths, find)
        except BadRecord:
            return None
        return shaped(name, line, plan, fields, keys) if fields and plan else None

    made = keyed_format(name, paths, read_logfmt, find, more)
    return msgspec.structs.replace(
        made, learn=learn, choose=lambda one, wanted: _chosen(one, logfmt_format(name, paths, wanted))
    )


def _chosen(format_: Format, other: Format) -> Format:
    """The format with the `more` of another one of the same lines."""
    return msgspec.structs.replace(
        format_,
        second_look=other.second_look,
        same_keys=other.same_keys,
        learn=other.learn,
        reshape=reshaped_with(format_.reshape, other.more),
        more=other.more,
    )


def keyed_format(
    name: str, paths: FieldPaths, read: Callable[[bytes], Record], find: Finder, more: tuple[str, ...] = ()
) -> Format:
    """A format of lines that `read` makes records of; `find`: of these paths; `more`: as `Format` has it."""

    def read_instant_s(line: bytes) -> float:
        """Unix time of a line. Raises ValueError where it has none."""
        try:
            _, value = find.first(read(line), paths.instants)
        except BadRecord as exc:
            raise ValueError(str(exc)) from exc
        if isinstance(value, int | float) and not isinstance(value, bool):
            return instants.epoch(str(value).encode())
        return instants.any_form(str(value).encode())

    def find_unitless(line: bytes) -> Unitless | None:
        """The number of a line that may be a duration, if its unit is not known."""
        try:
            path, value = find.first(read(line), paths.durations, is_time)
        except BadRecord:
            return None
        text = time_text(value)
        return Unitless(path, text) if _unit(path, value, paths) is None and is_number(text) else None

    keys = _keys(more)

    def look_for_more(line: bytes) -> Fields | None:
        """Fields of a line, with the additional ones. Raises BadRecord."""
        record = read(line)
        fields = record_fields(record, paths, find)
        return fields and fields._replace(more=tuple([more_text(value_at(record, key)) for key in keys]))

    return Format(
        name=name,
        second_look=look_for_more if more else lambda line: record_fields(read(line), paths, find),
        read_instant_s=read_instant_s,
        duration_unit_ns=1,
        has_duration=True,
        find_unitless=find_unitless,
        names=None,
        more=more,
        choose=lambda one, wanted: _chosen(one, keyed_format(name, paths, read, find, wanted)),
    )


def _keys(more: tuple[str, ...]) -> tuple[str, ...]:
    """The keys that are wanted beside those of the five fields."""
    return tuple(one.removeprefix(MARK) for one in more)


def record_fields(record: Record, paths: FieldPaths, find: Finder) -> Fields | None:
    """The fields of one line's record, the duration in nanoseconds; None if it is another message. Raises BadRecord."""
    for need in paths.needs:
        if not find.has(record, need):
            if paths.skips:
                return None
            raise BadRecord("format", f"missing key: expected {' or '.join(need)}")
    method, target = _request(record, paths, find)
    path, code = find.first(record, paths.codes, is_code)
    if not (path or paths.needs or find.has(record, paths.codes)):
        raise BadRecord("format", f"no status code: expected one of the keys {', '.join(paths.codes)}")
    size, duration = find.first(record, paths.sizes, is_size)[1], _duration_ns(record, paths, find)
    return Fields(
        field_text(method), field_text(target).partition(b"?")[0], field_text(code), field_text(size), duration
    )


def _request(record: Record, paths: FieldPaths, find: Finder) -> tuple[Any, Any]:
    """The method and the target: what the client sent, where the line has it whole, before what was made of it."""
    request = find.first(record, paths.requests, is_request)[1]
    if isinstance(request, str) and (match := REQUEST.fullmatch(request)):
        return match[1], match[2]
    target = request if isinstance(request, str) and TARGET.match(request) else None
    method = find.first(record, paths.methods, is_method)[1]
    method = method.upper() if is_method(method) else method
    return method, target or find.first(record, paths.targets, is_target)[1]


def _plan(record: Record, paths: FieldPaths, find: Finder) -> Plan | None:
    """Where `record_fields` finds this record's fields; None where some are neither plain text nor plain numbers."""
    roles: dict[str, Role] = {}

    def take(role: Role, candidates: tuple[str, ...]) -> str:
        """The path of the field for a role, or an empty text. Raises BadRecord where the value is not plain."""
        path, value = find.first(record, candidates, FITS[role])
        if path in paths.ambiguous and not FITS[role](value):
            path = ""  # a word of another program
        before = candidates[: candidates.index(path)] if path else candidates
        plain = not path or (path not in roles and is_plain(role, value))
        roles.update(dict.fromkeys(before, "empty"), **({path: role} if path else {}))
        if not plain:
            raise BadRecord("format", f"{path} is more than a {role}")
        return path

    if request := take("request", paths.requests):
        if not REQUEST.fullmatch(value_at(record, request)):
            return None
    else:
        take("method", paths.methods)
        take("target", paths.targets)
    take("size", paths.sizes)
    duration = take("duration", paths.durations)
    needs_point = duration in paths.decimal and not paths.duration_unit
    if not take("code", paths.codes) or (needs_point and is_whole(value_at(record, duration))):
        return None
    fields = (paths.requests, paths.methods, paths.targets, paths.codes, paths.sizes, paths.durations, *paths.needs)
    looked = frozenset(path for one in fields for path in one)
    return Plan(roles, looked, _unit(duration, value_at(record, duration), paths), needs_point)


def _meaning(plan: Plan, paths: FieldPaths, find: Finder) -> Meaning:
    """What the values say that are where this plan has them."""
    at: dict[Role, str] = {role: path for path, role in plan.roles.items() if role != "empty"}
    duration = at.get("duration", "")

    def request(values: Mapping[Role, Any]) -> Request | None:
        """Method, path and code of the values; None where one does not fit its role."""
        if not all(FITS[role](value) for role, value in values.items()):
            return None
        method, target = _request({at[role]: value for role, value in values.items()}, paths, find)
        return field_text(method), field_text(target).partition(b"?")[0], field_text(values["code"])

    def read_duration_ns(value: Any) -> int | None:
        """Nanoseconds of a value. Raises BadRecord where it is not a time."""
        if not is_time(value):
            raise BadRecord("time", f"{value!r} is not a time")
        return _value_ns(duration, value, paths)

    unit = UNITS_NS[plan.unit] if plan.unit else None
    return Meaning(request, read_duration_ns, unit, plan.needs_point)


def _duration_ns(record: Record, paths: FieldPaths, find: Finder) -> bytes:
    path, value = find.first(record, paths.durations, is_time)
    if not path or (path in paths.ambiguous and not is_duration(time_text(value))):
        return b""
    found_ns = _value_ns(path, value, paths)
    return b"" if found_ns is None else b"%d" % found_ns


def _value_ns(path: str, value: Any, paths: FieldPaths) -> int | None:
    """The duration at the path, None if it is none. Raises BadRecord."""
    unit = _unit(path, value, paths)
    return duration_ns(time_text(value), UNITS_NS[unit] if unit else None)


def _unit(path: str, value: Any, paths: FieldPaths) -> str | None:
    """What a number at the path counts, if anything says so."""
    if paths.duration_unit or path not in paths.decimal or not is_whole(value):
        return paths.duration_unit or paths.units.get(path) or unit_of_name(path)
    return None
