"""The stores of the daemon: a database that cannot be opened yet costs nobody else, and is opened when it can be."""

import asyncio
import zoneinfo

import pytest
from starving import no_descriptors

from exporter.stores import Source, System
from exporter.stores.zones import find_zone
from exporter.system import Context
from foundation.errors import StoreError

pytestmark = pytest.mark.slow


def told(system):
    """(metric, labels) -> value, of the failures."""
    return {
        labels: value
        for family in system.collect()
        if family.metric.name == "tidewatch_store_errors_total"
        for labels, value in family.series
    }


@pytest.mark.parametrize("spare", range(8))
async def test_where_descriptors_run_out_the_database_opens_later(tmp_path, hasty_clock, spare, caplog):
    """DuckDB opens its file, and we look into the folder."""
    system = System([Source(source="s", inbox=str(tmp_path / "inbox"))], Context(tmp_path, hasty_clock))
    assert told(system) == {("s", "opening"): 0}
    with no_descriptors(spare):
        task = asyncio.create_task(system.run())
        while told(system) == {("s", "opening"): 0}:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
    while ("s", "inbox") not in told(system):
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    failed = told(system)["s", "opening"]
    assert caplog.text.count("trying again until it opens") == (failed > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_zone_whose_file_cannot_be_opened_now_is_not_another_zone():
    zoneinfo.ZoneInfo.clear_cache()
    with no_descriptors(), pytest.raises(StoreError, match="time zone Asia/Tokyo: Too many open files"):
        find_zone("Asia/Tokyo")
    assert find_zone("Asia/Tokyo") == (zoneinfo.ZoneInfo("Asia/Tokyo"), None)
    assert find_zone("Asia")[1] == "timezone_unknown"


async def test_a_database_that_is_none_ends_it(tmp_path, hasty_clock):
    (tmp_path / "stores.duckdb").write_text("a,b\n1,2\n")
    with pytest.raises(ExceptionGroup) as raised:
        await System([Source(source="s")], Context(tmp_path, hasty_clock)).run()
    assert isinstance(raised.value.exceptions[0], StoreError)
