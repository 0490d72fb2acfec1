"""A report of a few stores without a database, as the page, the figures and their formats get it."""

from collections import Counter
from datetime import UTC, datetime

import numpy as np

from exporter.stores.calendar import to_us
from exporter.stores.engine import Policy
from exporter.stores.ranges import Wanted, find_range
from exporter.stores.report import Report

AS_OF = to_us(datetime(2026, 11, 20, 12, tzinfo=UTC))
HOUR = 3_600_000_000
MONTH = find_range(Wanted(month="2026-10"), AS_OF)


def a_report(stores, *, within=MONTH, loaded=None, fallbacks=None):
    """`stores`: (id, up, down, assumed, business), in hours."""
    rows = {"store_id": np.array([store[0] for store in stores], dtype=object)}
    for n, part in enumerate(("up", "down", "assumed", "business"), 1):
        values = np.array([round(store[n] * HOUR) for store in stores], dtype=np.int64)
        rows |= {f"{part}_{window}": values for window in ("hour", "day", "week")}
    rows |= {f"doubt_{window}": np.zeros(len(stores), dtype=np.int64) for window in ("hour", "day", "week")}
    rows["timezone"] = np.array(["Europe/Berlin"] * len(stores), dtype=object)
    rows["no_hours"] = np.array([store[0] == "a" for store in stores], dtype=bool)
    return Report(AS_OF, Policy(), 1, rows, Counter(fallbacks or {}), within, loaded or {})


WORLD = a_report([("a", 90, 10, 0, 100), ("=b", 30, 0, 30, 100), ("c", 0, 0, 0, 100), ("d", 0, 0, 0, 0)])
