"""DuckDB within the memory that is left."""

import pytest

from exporter import duck, memory
from foundation.errors import StoreError, may_pass

MIB = 1 << 20


@pytest.fixture
def leave(monkeypatch):
    def leave(address_mib=None, resident_mib=None):
        rooms = [None if one is None else one * MIB for one in (address_mib, resident_mib)]
        monkeypatch.setattr(memory, "left", lambda: memory.Left(*rooms))

    return leave


def setting(db, name):
    return db.execute(f"SELECT value FROM duckdb_settings() WHERE name = '{name}'").fetchone()[0]


def opened(**config):
    return duck.connect(memory_bytes=256 * MIB, **config)


def test_under_a_limit_of_addresses_it_has_no_thread_of_its_own(leave):
    leave(address_mib=1024)
    with opened(temp_directory="") as db:
        assert (setting(db, "threads"), setting(db, "temp_directory")) == ("1", "")
        assert setting(db, "async_threads") == "0"


def test_an_older_duckdb_knows_no_other_threads(leave, monkeypatch):
    monkeypatch.setattr(duck, "_ALONE", ({"threads": 1, "none_such": 0}, {"threads": 1}))
    leave(address_mib=1024)
    with opened() as db:
        assert setting(db, "threads") == "1"


@pytest.mark.parametrize(
    ("left", "limit"),
    [
        ({}, "256.0 MiB"),
        ({"address_mib": 400}, "200.0 MiB"),
        ({"resident_mib": 100}, "50.0 MiB"),
        ({"address_mib": 400, "resident_mib": 4000}, "200.0 MiB"),
    ],
    ids=["none", "addresses", "pages", "both"],
)
def test_its_memory_limit_is_at_most_half_of_what_is_left(leave, left, limit):
    leave(**left)
    with opened() as db:
        assert setting(db, "memory_limit") == limit


@pytest.mark.parametrize(
    ("begins", "asks", "neither", "words"),
    [
        ({"address_mib": 384}, {"address_mib": 192}, {"address_mib": 191}, "192 MiB of the address space"),
        ({"resident_mib": 96}, {"resident_mib": 48}, {"resident_mib": 47}, "48 MiB of the memory of its control group"),
    ],
    ids=["addresses", "pages"],
)
def test_where_little_is_left_it_is_refused_with_what_it_needs(leave, begins, asks, neither, words):
    leave(**begins)
    opened().close()
    leave(**asks)
    duck.check_room()
    with pytest.raises(StoreError, match="raise it"):
        opened()
    leave(**neither)
    with pytest.raises(StoreError, match=f"DuckDB needs {words}") as caught:
        duck.check_room()
    assert may_pass(caught.value)
