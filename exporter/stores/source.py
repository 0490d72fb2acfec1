"""The configuration of one database of stores (one item of `stores:` in the file)."""

from typing import Annotated, Literal

import msgspec

from exporter.stores.calendar import AsOf, as_of_us
from foundation.grammar import Address
from foundation.keys import address, duration, moment

Duration = Annotated[float, duration()]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One database of stores.

    Attributes:
        database: its file; in the state folder unless named.
        http: where the report API listens, as 127.0.0.1:8081; no API where it is left out.
        web_config_file: TLS and users of the API; those of the exporter's own --web.config.file unless named.
        inbox: a folder where CSV files land.
        refresh_s: how often the inbox is looked into without any event.
        update_s: how often the metrics follow the clock (as_of: now); after a load they follow at once.
        as_of: what `now` is: the newest poll's time, the clock's where polls are live, or an instant.
        use_outside_polls: whether polls outside of business hours are evidence, too.
        per_store: tell fourteen series of each store, up to max_series in sum.
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
