"""What fields are filled with: laws of the draws, over seeds, requests and places."""

import re
import uuid

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from trafficgen.targets.template import Cell, Random, Seq, Uuid
from trafficgen.targets.values import base_of, draw, maker

TABLES = {"users.csv": {"email": tuple(f"{n}@example.com" for n in range(7)), "id": tuple(map(str, range(7)))}}


def made(field, *, seed=1, place=1):
    return maker(field, base=base_of(seed), place=place, tables=TABLES)


@given(st.integers(0, 2**63 - 1), st.integers(0, 10**12), st.integers(1, 10**6))
def test_the_same_seed_request_and_place_give_the_same_value(seed, number, place):
    for field in (Uuid(), Seq(), Random(1, 1000), Cell("users.csv", "email", in_order=False)):
        assert made(field, seed=seed, place=place)(number) == made(field, seed=seed, place=place)(number)


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62), st.integers(0, 10**9))
def test_a_random_number_is_within_its_bounds(low, width, number):
    assert low <= int(made(Random(low, low + width))(number)) <= low + width


def test_random_numbers_are_uniform_and_reach_both_ends():
    counts = np.bincount([int(made(Random(0, 19))(n)) for n in range(4000)], minlength=20)
    assert scipy.stats.chisquare(counts).pvalue > 0.001


def test_the_stream_of_values_is_none_of_the_plans():
    others = [int(one.generate_state(1, np.uint64)[0]) for one in np.random.SeedSequence(5).spawn(4)]
    assert base_of(5) not in others


def test_places_and_neighbouring_requests_are_independent():
    bits = np.array([[draw(base_of(3), n, place) >> 60 for n in range(2000)] for place in (1, 2)])
    for pair in (bits, np.array([bits[0][:-1], bits[0][1:]])):
        together = np.bincount(pair[0] * 16 + pair[1], minlength=256)
        assert scipy.stats.chisquare(together).pvalue > 0.001


def test_uuids_are_version_4_and_distinct():
    found = [made(Uuid())(n) for n in range(500)] + [made(Uuid(), place=2)(n) for n in range(500)]
    assert len(set(found)) == 1000
    for text in found[:100]:
        assert uuid.UUID(text).version == 4
        assert str(uuid.UUID(text)) == text
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)


def test_all_columns_of_a_file_come_from_one_row_at_any_place():
    email, ident = (made(Cell("users.csv", c, in_order=False), place=p) for p, c in ((1, "email"), (9, "id")))
    assert all(email(n) == f"{ident(n)}@example.com" for n in range(200))
    assert len({ident(n) for n in range(200)}) == 7


def test_in_order_takes_every_row_once_before_any_twice():
    ident = made(Cell("users.csv", "id", in_order=True))
    assert [ident(n) for n in range(9)] == ["0", "1", "2", "3", "4", "5", "6", "0", "1"]


def test_seq_counts_from_1():
    assert [made(Seq())(n) for n in (0, 1, 41)] == ["1", "2", "42"]


@pytest.mark.parametrize("field", [Uuid(), Random(1, 10**9)])
def test_another_seed_gives_other_values(field):
    assert [made(field, seed=1)(n) for n in range(5)] != [made(field, seed=2)(n) for n in range(5)]
