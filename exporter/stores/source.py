"""The configuration of one database of stores (one item of `stores:` in the file)."""

from typing import Annotated, Literal

import msgspec

from exporter.stores.calendar import AsOf, as_of_us
from foundation.grammar import Address
from foundation.keys import address, duration, moment

Duration = Annotated[float, duration()]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One database of stores.

    source: the name of the source, a label of all its metrics.
    database: its file; by default in the state folder.
    http: where the report API listens; by default there is none.
    web_config_file: TLS and users of the API; by default those of --web.config.file.
    inbox: a folder where CSV files land.
    refresh_s: how often the inbox is looked into without any event.
    update_s: how often the metrics follow the clock (as_of: now); after a load they follow at once.
    as_of: what `now` is: `max`, the newest poll's time; `now`, the clock's where polls are live; or an instant.
    interpolation: when the state changes between two polls that differ: half way, at the second, or at the first.
    windows: the last hour, day and week: up to the report's moment, or complete ones by the local calendar.
    use_outside_polls: whether polls outside of business hours are evidence, too.
    columns: the columns of reports: those of the task, or also unknown and assumed times.
    official_typo: whether a column has the misspelt name of the task.
    keep_reports_s: how long finished reports are kept.
    silent_after_s: after how long without a poll a store counts as silent.
    worst: stores that are reported singly, those that are offline the longest.
    per_store: whether each store has fourteen series of its own.
    max_series: series that per_store may make.
    """

    source: Annotated[str, msgspec.Meta(min_length=1)]
    database: str | None = None
    http: Annotated[Address, address()] | None = None
    web_config_file: str | None = None
    inbox: str | None = None
    refresh_s: Duration = 3600.0
    update_s: Duration = 60.0
    as_of: Annotated[AsOf, moment(words=("max", "now"), unit=as_of_us)] = "max"
    interpolation: Literal["nearest", "previous", "next"] = "nearest"
    windows: Literal["rolling", "calendar"] = "rolling"
    use_outside_polls: bool = False
    columns: Literal["official", "all"] = "official"
    official_typo: bool = False
    keep_reports_s: Duration = 7 * 86400.0
    silent_after_s: Duration = 9000.0
    worst: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 20
    per_store: bool = False
    max_series: Annotated[int, msgspec.Meta(ge=0)] = 50_000
