"""What a mistyped word is taken for."""

import pytest

from foundation.nearest import nearest


@pytest.mark.parametrize(
    ("written", "known", "want"),
    [
        ("weigth", ["path", "weight", "method"], "weight"),
        ("colour", ["path", "weight"], None),
        ("paths", [], None),
        ("a" * 1_000_000, ["a" * 100, "b"], "a" * 100),  # no more than 100 characters are compared
    ],
    ids=["a letter", "unlike all", "nothing known", "long"],
)
def test_the_nearest_word(written, known, want):
    assert nearest(written, known) == want
