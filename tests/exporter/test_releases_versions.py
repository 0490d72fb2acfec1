"""The order of builds is that of their versions, or none."""

from itertools import pairwise

import pytest

from exporter.releases.versions import are_versions, in_order, version_key


@pytest.mark.parametrize(
    "order",
    [
        "5 5-1 5.01 5.1 5.1.0 5.9 5.10 111111111111111111111111111111",
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1-rc.1 1.0.1",
        "2.0.0-rc.1 2.0.0 2.0.1",
        "2.0.0-SNAPSHOT 2.0.0-M1 2.0.0-RC1 2.0.0",
        "1.0.dev1 1.0a1 1.0a2.dev1 1.0a2 1.0b1 1.0rc1 1.0 1.0.post1 1.1.dev2 1.1 1!0.5",
        "1.0~~ 1.0~beta 1.0~rc1 1.0 1.0-1 1.0-2 1.0+dfsg1 2:0.9",
        "1.0.2 1.0.2a 1.0.2b",
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0",
        "1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post1",
        "1.0-M1 1.0-M2 1.0-RC1 1.0 1.0-SP1",
        "v1.9 v1.10-rc1 v1.10",
        "app-1.2 app-1.10",
        "20261101 20261102",
    ],
)
def test_pre_releases_come_before_releases_and_what_is_added_after(order):
    builds = order.split()
    assert are_versions(builds)
    assert in_order(reversed(builds)) == builds
    assert all(version_key(a) < version_key(b) for a, b in pairwise(builds))


@pytest.mark.parametrize(
    "builds", [["f00dcafe", "9f86d081"], ["stable", "canary"], ["1.2", "9f86d081"], ["app-1.2", "web-1.3"],
     ["1.0.0", "1.0.0-1"], ["2026-11-27", "1.4"]]
)  # fmt: skip
def test_what_has_no_order_stays_as_it_was_seen(builds):
    assert not are_versions(builds)
    assert in_order(builds) == builds
    assert in_order(builds[::-1]) == builds[::-1]


@pytest.mark.parametrize(
    ("builds", "ordered"),
    [
        (["03-11-2026", "02-12-2026"], False),
        (["27.11.2026", "1.12.2026"], False),
        (["11/27/2026", "12/01/2026"], False),
        (["27-Nov-2026", "3-Dec-2026"], False),
        (["3dec26", "27nov26"], False),
        (["2026-11-27", "2026-12-03"], True),
        (["20261127", "20261203"], True),
        (["10.0.2004", "10.0.1909"], True),
        (["99.2.2024", "100.1.2025"], True),
        (["1.0beta2", "1.0rc1"], True),
    ],
)
def test_dates_by_their_day_have_no_order(builds, ordered):
    """The report says then that the build seen first is the baseline."""
    assert are_versions(builds) == ordered
    assert in_order(builds) == (sorted(builds, key=version_key) if ordered else builds)
