"""A cache keeps what is used, however much that is new comes by."""

from hypothesis import given
from hypothesis import strategies as st

from foundation.recent import Recent


def test_a_key_in_use_survives_a_flood():
    recent, found_anew = Recent(100), 0
    for number in range(10_000):
        recent[number] = str(number)
        if number % 50 == 0 and recent.get("hot") is None:
            found_anew += 1
            recent["hot"] = "value"
    assert found_anew == 1


def test_a_key_that_is_not_used_makes_room():
    recent = Recent(2)
    for key in "abcde":
        recent[key] = key
    assert [recent.get(key) for key in "abc"] == [None, None, "c"]


def test_a_smaller_cache_forgets_only_what_is_not_used():
    recent = Recent(100)
    for number in range(100):
        recent[number] = str(number)
    for _ in range(3):
        recent.resize(5)
        assert [recent.get(number) for number in range(3)] == ["0", "1", "2"]
    assert len(recent) == 3


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9), max_size=3, unique=True))
def test_of_a_few_keys_at_once_no_fewer_are_found_than_one_by_one(put, asked):
    one, many = Recent(3), Recent(3)
    for recent in (one, many):
        for key in put:
            recent[key] = str(key)
    for key, found in zip(asked, many.get_all(asked), strict=True):
        assert found in (None, str(key))
        assert found or one.get(key) is None


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 12))))
def test_a_key_is_there_while_few_others_were_new_since_its_last_use(most, uses):
    recent, values, since = Recent(most), {}, {}
    for is_put, key in uses:
        found = recent.get(key)
        assert found in (None, values.get(key))
        if key in since and len(since[key]) < most:
            assert found == values[key]
        if is_put or found is not None:
            if is_put:
                values[key] = f"{key} {len(values)}"
                recent[key] = values[key]
            for others in since.values():
                others.add(key)
            since[key] = set()
        assert len(recent) <= 2 * most
