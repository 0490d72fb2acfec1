"""A store's report for the terminal and for the API. Pure."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from exporter.stores.calendar import WINDOWS, from_us
from exporter.stores.report import Hours, StoreReport
from exporter.stores.state import FOREVER

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PARTS = ("business", "up", "down", "assumed")


def stamp(time_us: int) -> str:
    """A moment as ISO 8601, UTC, with as many digits as it needs."""
    return from_us(time_us).isoformat().replace("+00:00", "Z")


def clock(second: int) -> str:
    """A time of day as a clock shows it; past midnight with a + in front."""
    over, second = divmod(second, 86_400) if second > 86_400 else (0, second)
    return f"{'+' if over else ''}{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def _exact(seconds: float) -> str:
    """Seconds to the microsecond, without needless zeros."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def totals(found: StoreReport) -> dict[str, dict[str, float]]:
    """For each window, or for the range, seconds of business time, up, down, unknown, and assumed."""
    rows = found.report.rows
    told = {}
    for window in WINDOWS if found.report.within is None else WINDOWS[-1:]:
        numbers = {part: int(rows[f"{part}_{window}"][0]) for part in _PARTS}
        numbers["unknown"] = numbers["business"] - numbers["up"] - numbers["down"]
        told["range" if found.report.within else window] = {
            f"{part}_seconds": number / 1e6 for part, number in numbers.items()
        }
    return told


def to_json(store_id: str, found: StoreReport) -> dict[str, Any]:
    """What `GET /stores/{id}` answers."""
    return {
        "store_id": store_id,
        "as_of": stamp(found.report.as_of_us),
        "policy": found.report.policy.text(),
        "timezone": found.timezone or None,
        "zone": found.zone,
        "zone_fallback": found.fallback,
        "labels": store_labels(found),
        "hours": [_hours_json(hours) for hours in found.hours if hours.day is None] or "24x7",
        "exceptions": [_hours_json(hours) for hours in found.hours if hours.day is not None],
        "windows": totals(found),
        "intervals": [
            {
                "start": stamp(p.start_us),
                "end": stamp(p.end_us),
                "state": p.state,
                "observed": p.observed,
                "poll": None if p.poll_us is None else stamp(p.poll_us),
            }
            for p in found.pieces
        ],
        "polls": [
            {"timestamp_utc": stamp(p.at_us), "status": p.state, "in_business_hours": p.inside} for p in found.polls
        ],
    }


def store_labels(found: StoreReport) -> dict[str, str]:
    """The labels that the store has."""
    return {name: values[0] for name, values in found.report.labels.items() if values[0]}


def _hours_json(hours: Hours) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if hours.day is not None:
        told["date"] = date.fromordinal(hours.day).isoformat()
    elif hours.weekday is not None:
        told["day"] = hours.weekday
    if hours.why is not None:
        return {**told, "unknown": hours.why}
    if hours.spec is not None:
        told["opening_hours"] = hours.spec
    elif hours.start_s is None or hours.end_s is None:
        told["closed"] = True
    else:
        told |= {"start_time_local": clock(hours.start_s), "end_time_local": clock(hours.end_s)}
    if hours.from_day:
        told["valid_from"] = date.fromordinal(hours.from_day).isoformat()
    if hours.until_day < FOREVER:
        told["valid_until"] = date.fromordinal(hours.until_day - 1).isoformat()
    return told


def hours_text(hours: Hours) -> str:
    """Hours as text."""
    told = _hours_json(hours)
    on = told.get("date") or (WEEKDAYS[told["day"]] if "day" in told else "")
    if "unknown" in told:
        what = f"unknown ({told['unknown']})"
    elif "closed" in told:
        what = "closed"
    else:
        what = told.get("opening_hours") or f"{told['start_time_local']} - {told['end_time_local']}"
    period = "".join(
        f", {word} {told[key]}" for word, key in (("from", "valid_from"), ("until", "valid_until")) if key in told
    )
    return f"{on:<10} {what}{period}"


def to_text(store_id: str, found: StoreReport) -> Iterator[str]:
    """The same for the terminal, line by line."""
    yield f"store {store_id}, as of {stamp(found.report.as_of_us)} ({found.report.policy.text()})"
    why = f" ({found.fallback.replace('_', ' ')}: {found.timezone!r})" if found.fallback else ""
    yield f"zone {found.zone}{why}"
    for hours in found.hours:
        yield f"  {hours_text(hours)}"
    if not any(hours.day is None for hours in found.hours):
        yield "  open around the clock: no row of hours names it"
    for window, numbers in totals(found).items():
        yield f"{found.report.within.text() if found.report.within else f'last {window}'}: " + ", ".join(
            f"{k.removesuffix('_seconds')} {_exact(v)} s" for k, v in numbers.items()
        )
    for p in found.pieces:
        by = "" if p.poll_us is None else f", by the poll of {stamp(p.poll_us)}"
        kind = "" if p.state == "unknown" else " observed" if p.observed else " assumed"
        yield f"  {stamp(p.start_us)} - {stamp(p.end_us)}  {p.state}{kind}{by}"
    outside = sum(not p.inside for p in found.polls)
    what = "" if found.report.policy.use_outside_polls else " and no evidence"
    where = "these windows" if found.report.within is None else "this range"
    yield f"{len(found.polls)} polls in {where}, {outside} of them outside business hours{what}"
