"""A day of the exporter costs no more than its first hours; and the real soak's own script works."""

import asyncio

import pytest
import real
import simulated

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

HOURS = 24
SETTLED_HOURS = 4
"""After this long every cache is filled and every window full."""


def test_a_day_leaves_memory_descriptors_and_threads_where_they_were(tmp_path):
    """Every line of 24 simulated hours is counted once, through 48 rotations; nothing grows."""
    rows = {}
    page = asyncio.run(simulated.soak(tmp_path, HOURS, rows.__setitem__))
    settled, last = rows[SETTLED_HOURS], rows[HOURS]
    assert simulated.total(page, "tidewatch_log_lost_bytes_total") == 0
    assert last.descriptors <= settled.descriptors + 3
    assert last.threads <= settled.threads + 2
    assert last.memory_kib <= settled.memory_kib + 16 * 1024


def test_the_real_soak_counts_every_request_and_prints_its_rows(tmp_path):
    rows = []
    counts = real.soak(tmp_path, 0.2, 200, lambda *row: rows.append(row))
    assert counts.agree, counts
    assert {name for _, name, _ in rows} == {"timeserver", "exporter", "trafficgen"}
