"""What stands beside a verdict: rises of all codes alike, bursts, silences; and that none comes out of nothing."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from click.testing import CliRunner

from exporter.releases.cli import releases
from exporter.releases.compare.alike import excess, risen_alike
from exporter.releases.compare.bursts import calm, dispersion
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.silence import silences
from exporter.releases.render.html import chance, odds
from foundation.errors import NothingJudgedError

SHARE = np.repeat((0.05, 0.3, 0.7, 0.95), 25)[:, None]


def drawn(codes, factors, *, mean=2.0, seed=0):
    """Counts of a rollout nobody named the shares of. (bins, codes) each."""
    rng = np.random.default_rng(seed)
    return Pair(
        rng.poisson(mean * (1 - SHARE), (len(SHARE), codes)), rng.poisson(mean * SHARE * factors, (len(SHARE), codes))
    )


def lines(counts, *, builds=("5.1", "5.2"), codes=None):
    """Records: each bin's in its first second. counts: (bins, codes) each."""
    out = []
    for build, side in zip(builds, counts, strict=True):
        for at, row in enumerate(side.tolist()):
            time = f"{at * 10 // 3600}:{at * 10 // 60 % 60:02}:{at * 10 % 60:02}"
            for code, count in enumerate(row):
                out += [f"{time}\t{build}\t{codes[code] if codes else code}\n"] * count
    return "".join(out)


def report(text, *args):
    done = CliRunner().invoke(releases, ["report", "-", "--format", "json", *args], input=text)
    assert done.exception is None or isinstance(done.exception, NothingJudgedError), done.exception
    return json.loads(done.stdout)


@pytest.mark.parametrize("codes", [3, 6, 33])
def test_codes_that_rise_alike_are_rarely_set_apart(codes):
    """At most 5 % of inputs, while the share of users changes 19 fold."""
    found = [risen_alike(drawn(codes, 2.0, seed=seed)) for seed in range(60)]
    assert sum(alike is None or bool(alike.more or alike.less) for alike in found) <= 6
    factors = [alike.factor for alike in found if alike is not None]
    assert np.median(factors) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("codes", [4, 6, 33])
def test_a_code_that_rises_more_is_set_apart(codes):
    factors = np.full(codes, 1.5)
    factors[-1] = 4.5
    found = [risen_alike(drawn(codes, factors, mean=4.0, seed=seed)) for seed in range(20)]
    assert sum(alike is not None and alike.more == [codes - 1] for alike in found) >= 17


def test_a_code_that_rises_more_is_set_apart_also_where_errors_are_rare():
    """One error in each bin: four codes rose twofold, the fifth twentyfold. A bin with one error says nothing alone."""
    of_four = [(0, code) for code in range(4) for _ in range(20)] + [(1, code) for code in range(4) for _ in range(40)]
    rows = np.random.default_rng(1).permutation(of_four + [(0, 4)] * 10 + [(1, 4)] * 200)
    counts = np.zeros((2, len(rows), 5), np.int64)
    counts[rows[:, 0], np.arange(len(rows)), rows[:, 1]] = 1
    tree = report(lines(counts), "--baseline", "5.1")
    (rise,) = tree["alike"]
    assert (rise["codes"], rise["more"]) == (["0", "1", "2", "3"], ["4"])
    assert tree["verdict"]["worse"] == ["4"]


def test_the_json_report_has_the_years_that_were_assumed():
    day = datetime.now(UTC) - timedelta(days=2)
    text = f"{day:%b %d} 14:05:11\t5.1\t3\n{day:%b %d} 14:05:12\t5.2\t3\n"
    assert report(text)["input"]["years"] == [day.year]
    assert report(lines(np.ones((2, 1, 1), np.int64)))["input"]["years"] == []


def test_one_bad_code_is_no_common_rise():
    factors = np.ones(10)
    factors[3] = 4.0
    assert sum(risen_alike(drawn(10, factors, seed=seed)) is not None for seed in range(40)) <= 6


@pytest.mark.parametrize("codes", [2, 3, 5, 33])
def test_in_random_worlds_a_common_rise_is_rarely_set_apart_and_never_made_of_one_code(codes):
    """Codes with 10 to 1,000 errors, four steps of the users' share, factors from 1.3 to 5: nothing fits the cases."""
    rng = np.random.default_rng(codes)
    apart = alone = 0
    for _ in range(60):
        share = np.repeat(np.sort(rng.uniform(0.02, 0.98, 4)), 25)[:, None]
        mean = np.exp(rng.uniform(np.log(10), np.log(1000), codes)) / len(share)
        factor = np.exp(rng.uniform(np.log(1.3), np.log(5)))
        common = risen_alike(Pair(rng.poisson(2 * mean * (1 - share)), rng.poisson(2 * mean * share * factor)))
        apart += common is not None and bool(common.more + common.less)
        one = np.where(np.arange(codes) == rng.integers(codes), 8.0, 1.0)
        found = risen_alike(Pair(*(rng.poisson(mean * ratio, (100, codes)) for ratio in (1.0, one))))
        alone += found is not None and int(one.argmax()) in found.codes
        assert codes > 2 or (common is None and found is None)
    assert apart <= 7  # at a level of 5 %: more have a chance of 2 %
    assert alone <= 3


def test_the_excess_is_that_of_the_hypergeometric():
    counts = Pair(np.array([[10, 30]]), np.array([[25, 35]]))
    mean, spread = 35 * 60 / 100, np.sqrt(35 * 65 * 60 * 40 / 100**2 / 99)
    want = (25 - mean - 0.5) / spread
    assert excess(counts) == pytest.approx([want, -want])


def test_a_verdict_says_that_all_codes_rose_alike_and_the_users_settle_it(tmp_path):
    counts = drawn(4, np.array([3.0, 3.0, 3.0, 3.0]) / 1.0, mean=6.0)
    tree = report(lines(counts))
    assert (tree["verdict"]["worse"], tree["verdict"]["alike"]) == ([], ["0", "1", "2", "3"])
    assert "rose by the same factor" in tree["verdict"]["text"]
    assert tree["alike"][0]["low"] < 3 < tree["alike"][0]["high"]
    named = report(lines(counts), "--exposure", "1")
    assert (named["verdict"]["worse"], named["alike"]) == (["0", "1", "2", "3"], [])


def test_with_a_common_rise_the_code_that_rose_more_is_worse():
    tree = report(lines(drawn(4, np.array([2.0, 2.0, 9.0, 2.0]), mean=6.0), codes=[7, 8, 9, 10]))
    assert (tree["verdict"]["worse"], tree["verdict"]["alike"]) == (["9"], ["7", "8", "10"])
    assert any("9 of 5.2 rose more than the others" in note for note in tree["verdict"]["notes"])


def stormed(*, at, seconds, extra, build=1, ratio=1.0):
    rng = np.random.default_rng(3)
    counts = Pair(rng.poisson(1.0, (180, 2)), rng.poisson((1.0, ratio), (180, 2)))
    counts[build][at : at + seconds // 10, 1] += extra
    return counts


def test_a_storm_of_one_client_is_in_doubt_and_told_in_every_format():
    text = lines(stormed(at=90, seconds=20, extra=250))
    tree = report(text)
    assert (tree["verdict"]["worse"], tree["verdict"]["doubtful"]) == ([], ["1"])
    storm = tree["overdispersed"][0]
    assert 500 <= storm["in_burst"] <= 506
    assert (storm["burst_s"], storm["lasted_s"], storm["of"], storm["holds"]) == ("0:15:00", 11, "5.2", False)
    told = f"{storm['in_burst']} of the {storm['errors']} came within 11 s"
    for form in ("text", "html"):
        done = CliRunner().invoke(releases, ["report", "-", "--format", form], input=text)
        assert told in done.stdout
        assert "p and q are unreliable" in done.stdout
        assert "worse than the baseline (at most" not in done.stdout


def test_a_code_that_is_worse_without_its_storm_is_worse():
    tree = report(lines(stormed(at=90, seconds=20, extra=250, ratio=4.0)))
    assert (tree["verdict"]["worse"], tree["overdispersed"][0]["holds"]) == (["1"], True)


def test_a_storm_of_the_baseline_does_not_hide_a_worse_code():
    storm = report(lines(stormed(at=90, seconds=20, extra=400, build=0, ratio=4.0)))["overdispersed"][0]
    assert (storm["of"], storm["holds"]) == ("5.1", True)


@pytest.mark.parametrize("mean", [0.1, 1.0, 20.0, 1000.0])
def test_independent_errors_are_not_taken_for_bursts(mean):
    rng = np.random.default_rng(7)
    day = 1 + 0.5 * np.sin(np.arange(360) / 60)
    assert sum(calm(rng.poisson(mean * day)).clustered for _ in range(60)) == 0


def test_a_change_that_stays_is_no_burst():
    """Nor is what has only just begun."""
    rng = np.random.default_rng(7)
    for length in (4, 30, 90):
        calmed = calm(np.concatenate([rng.poisson(20, 180), rng.poisson(200, length)]))
        assert calmed.bursts == []


def test_clusters_are_counted_by_cluster():
    rng = np.random.default_rng(7)
    counts = 10 * rng.poisson(1.0, 360)
    assert dispersion(counts) == pytest.approx(10, rel=0.3)
    assert calm(counts).bursts == []


def test_silence_is_told_where_chance_is_improbable_only():
    rng = np.random.default_rng(2)
    few = [Pair(rng.poisson(0.05, 360), rng.poisson(0.05, 360)) for _ in range(100)]
    assert sum(bool(list(silences(pair, np.ones(360), alpha=0.05, least_bins=1))) for pair in few) <= 5
    dead = Pair(rng.poisson(5, 360), rng.poisson(5, 360))
    dead.candidate[100:120] = 0
    (gap,) = silences(dead, np.ones(360), alpha=0.05, least_bins=5)
    assert (gap.start, gap.stop) == (100, 120)
    assert 60 < gap.expected < 130


def test_neither_a_storm_nor_a_rollout_makes_a_silence():
    rng = np.random.default_rng(2)
    storm = Pair(rng.poisson(0.5, 360), rng.poisson(0.5, 360))
    storm.candidate[180] += 2000
    rollout = Pair(rng.poisson(20, 200), np.concatenate([rng.poisson(0.2, 100), rng.poisson(60, 100)]))
    for pair in (storm, rollout):
        assert list(silences(pair, np.ones(len(pair.baseline)), alpha=0.05, least_bins=5)) == []


def test_a_code_that_disappears_is_told():
    rng = np.random.default_rng(2)
    counts = Pair(rng.poisson(3.0, (90, 3)), rng.poisson((3.0, 3.0, 0.0), (90, 3)))
    counts.candidate[40:, 0] = 0
    got = report(lines(counts))["silences"]
    assert [(gap["code"], gap["start"], gap["stop"]) for gap in got] == [
        ("0", "0:06:40", "0:14:50"),
        ("2", "0:00:00", "0:14:50"),
    ]


ALIKE = lines(drawn(4, np.full(4, 3.0), mean=6.0))
STORM = lines(stormed(at=90, seconds=20, extra=250))


@pytest.mark.parametrize("text", [ALIKE, STORM], ids=["all rose alike", "storm"])
@pytest.mark.parametrize("detectors", [("evidence",), ("onset",), ("evidence", "onset")])
def test_no_alarm_is_printed_that_the_verdict_does_not_count(text, detectors):
    """In each format; the alarm stands elsewhere, with the reason."""
    flags = [part for name in detectors for part in ("--detector", name)]
    tree = report(text, *flags)
    assert (tree["verdict"]["worse"], tree["alerts"]) == ([], [])
    others = tree["alerts_not_counted"]
    assert {alert["detector"] for alert in others} == set(detectors)
    why = "bursts" if text is STORM else "alike"
    assert {alert["reason"] for alert in others} == {why}
    assert {code["alarm_not_counted"] for code in tree["codes"] if code["alarm_at"]} == {why}
    shown, page = (
        CliRunner().invoke(releases, ["report", "-", *flags, "--format", form], input=text).stdout
        for form in ("text", "html")
    )
    for output in (shown, page):
        assert "Alert: " not in output
        assert output.count("Not counted: ") == len(others)
    assert "Codes that alarm" not in page
    assert all(f"({code['alarm_at']})" in shown for code in tree["codes"] if code["alarm_at"])


def test_an_alarm_that_counts_is_an_alert_beside_those_that_do_not():
    tree = report(lines(drawn(4, np.array([2.0, 2.0, 9.0, 2.0]), mean=6.0)))
    assert {alert["code"] for alert in tree["alerts"]} == {"2"} == set(tree["verdict"]["worse"])
    assert {alert["code"] for alert in tree["alerts_not_counted"]} == {"0", "1", "3"}


@pytest.mark.parametrize("detector", ["mean-threshold", "onset"])
def test_the_verdict_rests_on_the_evidence_whichever_alerts_are_wanted(detector):
    text = lines(stormed(at=90, seconds=20, extra=0, ratio=4.0))
    every, one = report(text), report(text, "--detector", detector)
    assert one["verdict"] == every["verdict"]
    assert every["verdict"]["worse"] == ["1"]
    assert {alert["detector"] for alert in one["alerts"]} <= {detector}


@pytest.mark.parametrize(("codes", "said"), [(1, "code 0 alone has"), (2, "only 2 codes have"), (5, None)])
def test_with_few_codes_more_users_look_the_same_and_the_report_says_so(codes, said):
    factors = np.ones(codes)
    factors[:2] = 4.0
    counts = Pair(*(np.random.default_rng(5).poisson(5.0 * each, (90, codes)) for each in (1.0, factors)))
    tree = report(lines(counts))
    assert set(tree["verdict"]["worse"]) == {"0", "1"} & {str(code) for code in range(codes)}
    found = [note for note in tree["verdict"]["notes"] if "more users of 5.2 look the same" in note]
    assert len(found) == (said is not None)
    assert all(said in note for note in found)
    assert not any("more users" in note for note in report(lines(counts), "--exposure", "1")["verdict"]["notes"])


def test_new_codes_are_named_with_their_first_second():
    text = "".join(f"0:00:{s:02}\t{build}\t1\n" for s in range(60) for build in ("a", "b")) + "0:00:59\tb\t77\n"
    assert report(text)["new_codes"] == [{"build": "b", "code": "77", "errors": 1, "first": "0:00:59"}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0:00:01\t5.1\t3\n", "cannot compare one build"),
        ("0:00:01\t5.1\t3\n0:00:02\t5.2\t3\n", "no build shares a bin of 10 s"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_no_verdict_comes_out_of_nothing(text, why, form, tmp_path):
    """The report is written all the same."""
    done = CliRunner().invoke(releases, ["report", "-", "--format", form], input=text)
    assert isinstance(done.exception, NothingJudgedError)
    assert done.exception.exit_code == 4
    assert f"othing was judged: {why}" in done.stdout  # a page begins it with a capital


@pytest.mark.parametrize("bad", [0, 1, 100])
def test_more_than_a_hundredth_set_aside_stands_beside_the_verdict(bad):
    text = "".join(f"0:00:{s:02}\t{build}\t1\n" for s in range(60) for build in ("a", "b"))
    notes = report(text + "junk\n" * bad)["verdict"]["notes"]
    assert any("could not be read" in note for note in notes) == (bad == 100)


def test_too_few_errors_are_said_to_be_too_few():
    text = "".join(f"0:00:{s:02}\t{build}\t1\n" for s in (0, 59) for build in ("a", "b"))
    assert any("too few errors" in note for note in report(text)["verdict"]["notes"])


def test_words_for_evidence_and_q_go_with_their_values():
    assert [odds(np.log(value)) for value in (1e7, 1e4, 30, 5, 1)] == [
        "practically certain",
        "very sure",
        "sure",
        "weak",
        "no evidence",
    ]
    assert [chance(q) for q in (1e-4, 0.005, 0.03, 0.2)] == [
        "fewer than 1 in 1,000",
        "fewer than 1 in 100",
        "fewer than 1 in 20",
        "may well be chance",
    ]


@pytest.mark.parametrize(
    ("builds", "later", "baseline", "note"),
    [
        (("stable", "canary"), 0, "stable", "whether stable is the older one is not known; --baseline names it"),
        (("9f86d08", "0b5bb9e"), 0, "9f86d08", "whether 9f86d08 is the older one is not known"),
        (("stable", "canary"), 20, "stable", "the baseline stable is the one that was seen first"),
        (("1.2", "1.10"), 0, "1.2", None),
    ],
)
def test_builds_without_an_order_that_were_both_there_from_the_start_are_said_to_be(builds, later, baseline, note):
    """Of those in one second the first line has the baseline, whatever the letters are."""
    seconds = [(1 + later * (build == builds[1]) + n, build) for n in range(60) for build in builds]
    ordered = sorted(seconds, key=lambda one: one[0])
    tree = report("".join(f"0:00:{s:02}\t{build}\t3\n" for s, build in ordered if s < 60))
    assert tree["baseline"] == baseline
    found = [one for one in tree["verdict"]["notes"] if "order" in one]
    assert (note is None) == (not found)
    assert note is None or note in found[0]


def test_windows_of_mean_threshold_are_shown_as_the_rule_gives_them():
    """No verdict rests on them, so none of them is set apart, whatever explains the other alarms of the code."""
    tree = report(STORM, "--detector", "mean-threshold", "--detector", "evidence")
    assert {alert["detector"] for alert in tree["alerts"]} == {"mean-threshold"}
    assert {alert["detector"] for alert in tree["alerts_not_counted"]} == {"evidence"}
