"""Connections within the open files that the system allows: the default is lowered, what was asked for is refused."""

import resource

import pytest

from foundation.errors import ConfigError
from trafficgen.descriptors import allowed_connections


@pytest.fixture
def limits(monkeypatch):
    now = {"limits": (64, 64)}
    monkeypatch.setattr(resource, "getrlimit", lambda _which: now["limits"])
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: now.update(limits=limits))
    return now


@pytest.mark.parametrize(
    "case",
    [
        (None, 1, 4096, 256),
        (None, 1, 288, 256),
        (None, 1, 287, 255),
        (None, 1, 128, 96),
        (None, 1, 35, 3),
        (None, 4, 96, 256),
        (None, 4, 64, 128),
        (1000, 1, 4096, 1000),
        (1000, 1, resource.RLIM_INFINITY, 1000),
        (96, 1, 128, 96),
    ],
)
def test_the_default_is_lowered_to_what_fits_and_said(limits, capsys, case):
    asked, workers, hard, want = case
    limits["limits"] = (min(64, hard) if hard > 0 else 64, hard)
    assert allowed_connections(asked, workers) == want
    said = capsys.readouterr().err
    assert said == (
        ""
        if want == (asked or 256)
        else f"trafficgen: --connections: {want} instead of 256, as the limit of open files is {hard}; "
        "raise it (ulimit -n)\n"
    )
    assert limits["limits"][0] >= -(-want // workers) + 32


@pytest.mark.parametrize(
    ("asked", "workers", "hard", "said"),
    [
        (256, 1, 128, r"256 need 288 open files .* is 128: at most --connections 96, or raise the limit"),
        (97, 1, 128, "97 need 129 .* at most --connections 96, or"),
        (None, 1, 34, "the limit is 34: raise the limit"),
        (None, 64, 128, "the limit is 128: raise the limit"),
    ],
)
def test_what_was_asked_for_and_what_leaves_nothing_is_refused(limits, asked, workers, hard, said):
    limits["limits"] = (hard, hard)
    with pytest.raises(ConfigError, match=said):
        allowed_connections(asked, workers)


def test_no_limit_at_all_allows_all(limits):
    limits["limits"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert allowed_connections(60_000, 1) == 60_000
