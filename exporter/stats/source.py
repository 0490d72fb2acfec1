"""The configuration of one stats page (one item of `stats:` in the file)."""

from typing import Annotated

import msgspec

from exporter.sources.address import check_url
from foundation.keys import duration


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stats page, which is fetched at each scrape.

    source: the name of the source, a label of all its metrics.
    url: the address of the page.
    timeout_s: how long the page may take; cut to what the scrape leaves.
    """

    source: Annotated[str, msgspec.Meta(min_length=1)]
    url: str
    timeout_s: Annotated[float, duration(most_s=60)] = 5.0

    def __post_init__(self) -> None:
        """Raises ValueError for an invalid address; the configuration's reader reports it with its place."""
        check_url(self.url)
