"""Users that move from one build to the other: what the detectors make of it, and how their shares are read."""

import gzip
import json

import numpy as np
import pytest
import scipy
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exporter.releases.cli import releases
from exporter.releases.compare.detectors import Bins
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.exposure import SharesError
from exporter.releases.compare.mean_threshold import second_ratios
from exporter.releases.compare.onset import Onset
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import log_evidence, p_values, rate_ratios
from exporter.releases.compare.varying import Mixture, Strata
from exporter.releases.shares import read_shares
from exporter.tables import write_parquet
from foundation.errors import ConfigError, SourceError

STAGES = (0.05, 0.25, 0.75, 0.95, 0.98)


def rollout(codes, *, bins_each=25, mean=4.0, ratio=1.0, seed=1):
    """Counts of a staged rollout, (bins, codes) each, and the users of the candidate for one of the baseline."""
    rng = np.random.default_rng(seed)
    share = np.repeat(STAGES, bins_each)
    counts = Pair(
        rng.poisson(mean * (1 - share[:, None]), (len(share), codes)),
        rng.poisson(mean * share[:, None] * ratio, (len(share), codes)),
    )
    return counts, share / (1 - share)


def fed(detector, counts, exposure):
    """All changes, with a second to a bin and all bins at once."""
    size, codes = counts.candidate.shape
    closed = Bins(0, 10, size, np.arange(size), counts, exposure)
    return detector.step(closed, range(codes))


@pytest.mark.parametrize("seed", range(3))
def test_a_staged_rollout_at_equal_rates_alarms_at_most_alpha_of_the_codes(seed):
    counts, exposure = rollout(500, seed=seed)
    alarmed = {change.alert.code for change in fed(Evidence(watched=1, alpha=0.05), counts, exposure)}
    assert len(alarmed) <= 0.05 * 500
    assert len(alarmed) > 0  # the promise is not kept by silence
    blind = {change.alert.code for change in fed(Evidence(watched=1, alpha=0.05), counts, None)}
    assert len(blind) > 0.3 * 500


def test_an_onset_is_not_seen_in_a_staged_rollout_at_equal_rates():
    counts, exposure = rollout(200)
    assert len(fed(Onset(watched=200), counts, exposure)) <= 1
    assert len(fed(Onset(watched=200), counts, None)) > 100


def test_a_worse_code_is_found_in_a_staged_rollout():
    counts, exposure = rollout(100, ratio=2.0)
    found = {change.alert.code for change in fed(Evidence(watched=33), counts, exposure)}
    assert len(found) >= 90


def test_a_constant_exposure_by_bin_is_that_of_the_closed_form():
    rng = np.random.default_rng(5)
    for ratio in (0.5, 1.0, 1.3, 4.0):
        counts = Pair(rng.poisson(3.0, (60, 1)), rng.poisson(3.0 * ratio, (60, 1)))
        users = np.ones(60)
        mixture, logs = Mixture.begin(1).step(counts, users)
        strata = Strata.of(counts, users)
        total = Pair(*(side.sum(0) for side in counts))
        assert logs[-1] == pytest.approx(mixture.log_evidence())
        assert strata.log_evidence() == pytest.approx(mixture.log_evidence())
        assert mixture.log_evidence() == pytest.approx(log_evidence(total), abs=0.2, rel=0.03)
        assert strata.p_values() == pytest.approx(p_values(total), rel=0.02)
        for got, want in zip(strata.rate_ratios(), rate_ratios(total), strict=True):
            assert got == pytest.approx(want, rel=0.01)


@given(
    n=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    users=st.tuples(st.floats(0.05, 20), st.floats(0.05, 20)),
    share=st.floats(0, 1),
)
def test_the_tail_over_strata_is_that_of_the_sum_of_binomials(n, users, share):
    x = round(share * sum(n))
    shares = [e / (1 + e) for e in users]
    pmf = np.convolve(*(scipy.stats.binom.pmf(np.arange(k + 1), k, p) for k, p in zip(n, shares, strict=True)))
    errors = Pair(np.array([sum(n) - x], float), np.array([x], float))
    got = Strata(np.array(users), np.array(n, float)[:, None], errors).p_values()[0]
    assert got == pytest.approx(pmf[x:].sum(), rel=0.12, abs=0.02)


def test_an_interval_in_a_rollout_holds_the_ratio_as_often_as_it_says():
    counts, exposure = rollout(400, ratio=2.0)
    ratios = Strata.of(counts, exposure).rate_ratios()
    held = (ratios.low <= 2.0) & (ratios.high >= 2.0)
    assert 0.92 <= held.mean() <= 0.99
    assert np.median(ratios.ratio) == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("make", [lambda: Evidence(watched=2), lambda: Onset(watched=2)], ids=["evidence", "onset"])
def test_how_bins_are_cut_changes_nothing_where_the_exposure_varies(make):
    """Also with an alert that ends, and over a restart."""
    worse, exposure = rollout(2, ratio=5.0)
    equal, _ = rollout(2, mean=40.0)
    counts = Pair(*(np.concatenate(sides) for sides in zip(worse, equal, worse, strict=True)))
    exposure = np.tile(exposure, 3)
    whole, single = make(), make()
    want = fed(whole, counts, exposure)
    got = []
    for at, users in enumerate(exposure.tolist()):
        again = make()
        if at:
            again.restore(single.saved())
        single = again
        closed = Bins.one(at * 10, 10, Pair(*(side[[at]] for side in counts)), users)
        got += single.step(closed, range(2))
    assert [kind for kind, _ in want].count("inactive") >= 1
    assert [(kind, a.code, a.start_s, a.stop_s) for kind, a in got] == [
        (kind, a.code, a.start_s, a.stop_s) for kind, a in want
    ]
    assert single.scores == pytest.approx(whole.scores)


def test_the_ratio_of_mean_threshold_is_per_user_too():
    counts = Pair(np.array([[4], [4], [0]]), np.array([[2], [8], [8]]))
    got = second_ratios(counts, 10, np.array([[0.5], [2.0], [2.0]]))
    assert got.tolist() == [[1.0], [1.0], [5.0]]


LONG = (["share", "Build", "time"], [["0.1", "5.2", "0:00:10"], ["90 %", "5.1", "0:00:10"], ["0.5", "5.2", "0:01:00"]])
WIDE = (["time", "5.1", "5.2"], [["0:00:10", "900", "100"], ["0:01:00", "", "500"]])
ONE = (["time", "share_of_5.2"], [["0:00:10", "10"], ["0:01:00", "35.7142857142857"]])
OTHER = (["time", "share"], [["0:00:10", "10%"], ["0:01:00", "35.7142857142857 %"]])


def delimited(header, rows, separator=","):
    return "".join(separator.join(f'"{cell}"' for cell in row) + "\r\n" for row in [header, *rows]).encode()


def ndjson(header, rows):
    return "\n".join(json.dumps(dict(zip(header, row, strict=True))) for row in rows).encode()


def array(header, rows):
    return json.dumps([dict(zip(header, row, strict=True)) for row in rows]).encode()


@pytest.fixture
def shares(tmp_path):
    """Bytes to the shares in a file of them."""

    def read(data):
        (tmp_path / "shares").write_bytes(data)
        return read_shares(str(tmp_path / "shares"))

    return read


@pytest.mark.parametrize("form", [delimited, ndjson, array, lambda *rows: gzip.compress(delimited(*rows))])
@pytest.mark.parametrize("rows", [LONG, WIDE, ONE, OTHER], ids=["long", "wide", "one build", "no build"])
def test_shares_are_read_in_every_form(shares, rows, form):
    """A bin in which they change has the mean of each build's share."""
    got = shares(form(*rows)).ratios(Pair("5.1", "5.2"), [0, 10, 55, 60], 10, alone=True)
    assert got[0] != got[0]  # unknown
    assert got[1:].tolist() == pytest.approx([1 / 9, 1 / 3 if len(rows[0]) == 3 else 0.2963, 5 / 9], rel=0.001)


def test_shares_are_read_from_parquet(tmp_path):
    kinds = {"time": "instant", "5.1": "number", "5.2": "number"}
    write_parquet(tmp_path / "shares", kinds, [(1_800_000_000_000_000, 75.0, 25.0)])
    got = read_shares(str(tmp_path / "shares")).ratios(Pair("5.1", "5.2"), [1_800_000_000], 10, alone=True)
    assert got == pytest.approx([1 / 3])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_and_line_end_is_read(shares, separator):
    got = shares(b"\xef\xbb\xbf" + delimited(["time", "share_of_2"], [["0:00:10", "0.2"]], separator))
    assert got.ratios(Pair("1", "2"), [10], 10, alone=True) == pytest.approx([0.25])


def test_shares_go_on_over_midnight_and_mean_over_the_bin(shares):
    got = shares(b"time,a,b\n23:59:55,1,1\n0:00:05,1,3\n")
    assert got.ratios(Pair("a", "b"), [86_395, 86_400], 10, alone=True).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("header", "rows", "text"),
    [
        (["build", "share"], [], "time, build, share"),
        (["time", "share_of_2"], [], "no shares"),
        (["time", "build"], [["1", "2"]], "no column of shares"),
        (["time", "share"], [["1", "x"]], "row 1: invalid share 'x'"),
        (["time", "share"], [["1", "-1"]], "invalid share '-1'"),
        (["time", "share"], [["1", "nan"]], "invalid share 'nan'"),
        (["time", "share"], [["1"]], "row 2: 1 fields; expected 2"),
        (["time", "share"], [["soon", "1"]], "row 1: .*soon"),
        (["time", "share"], [["0:00:01", "1"], ["2026-11-27", "1"]], "row 2: a time of day among dates"),
    ],
)
def test_shares_that_cannot_be_are_refused(shares, header, rows, text):
    with pytest.raises((SharesError, SourceError), match=text):
        shares(delimited(header, rows))


def test_a_missing_build_is_named(shares):
    with pytest.raises(SharesError, match=r"no share of build 2: .*there are 3, 1"):
        shares(b"time,build,share\n1,3,1\n1,1,1\n").ratios(Pair("1", "2"), [0], 10, alone=False)
    with pytest.raises(SharesError, match="a share of 700"):
        shares(b"time,share\n1,700\n").ratios(Pair("1", "2"), [0], 10, alone=True)


@pytest.mark.parametrize(("of_shares", "of_records"), [("0:00:00", "2026-11-27T09:00:0"), ("2026-11-27", "9:00:0")])
def test_times_of_day_and_dates_do_not_go_together(tmp_path, of_shares, of_records):
    (tmp_path / "shares").write_text(f"time,a,b\n{of_shares},1,1\n")
    records = "".join(f"{of_records}{n}\t{build}\t3\n" for n in range(10) for build in "ab")
    done = CliRunner().invoke(releases, ["report", "-", "--exposure", str(tmp_path / "shares")], input=records)
    assert isinstance(done.exception, ConfigError)
    assert "times of day" in str(done.exception)
    assert "dates" in str(done.exception)


def test_what_has_no_known_users_is_not_compared(tmp_path):
    shares = tmp_path / "shares.csv"
    shares.write_text("time,5.2\n0:01:00,0.5\n0:02:00,1\n")
    records = "".join(
        f"0:0{s // 60}:{s % 60:02}\t{build}\t3\n" for s in range(300) for build in ("5.1", "5.2") for _ in range(2)
    )
    done = CliRunner().invoke(releases, ["report", "-", "--exposure", str(shares)], input=records)
    assert "5.2 and the baseline both sent records in 6 of 30 bins" in done.stdout
    assert f"{'3':>10} {'5.2':>18} {'120':>9} {'120':>9} {'1.000':>8}" in done.stdout
