import pytest

from trafficgen.verify.table import Row, codes_row, count_row, render, verdict


@pytest.mark.parametrize(
    ("expected", "got", "holds"),
    [
        pytest.param({200: 5}, {200: 5}, True, id="equal"),
        pytest.param({200: 5}, {200: 5, 500: 0}, True, id="a code seen 0 times is no difference"),
        pytest.param({200: 5}, {200: 4}, False, id="one is missing"),
        pytest.param({200: 5}, {200: 4, 404: 1}, False, id="the total agrees, the codes do not"),
        pytest.param({200: 5}, {}, False, id="nothing came"),
        pytest.param({}, {}, True, id="nothing was sent"),
    ],
)
def test_codes_agree_one_by_one(expected, got, holds):
    assert codes_row("logged", expected, got).holds is holds


def test_a_difference_is_told_in_figures():
    assert codes_row("logged", {200: 1500, 404: 2}, {200: 1499, 404: 2}) == Row(
        "logged", "1,502 (200: 1,500, 404: 2)", "1,501 (200: 1,499, 404: 2) [-1]", holds=False
    )
    assert count_row("sent", 10, 12) == Row("sent", "10", "12 [+2]", holds=False)


def test_the_row_that_differs_is_marked_and_named():
    rows = [count_row("sent", 10, 10), count_row("logged", 10, 9)]
    assert render(rows).splitlines() == [
        "   what    expected  got",
        "-----------------------------------",
        "   sent    10        10      ok",
        ">  logged  10        9 [-1]  DIFFERS",
        "-----------------------------------",
    ]
    assert verdict(rows) == "FAILED: logged"
    assert verdict(rows[:1]) == "All checks passed."
