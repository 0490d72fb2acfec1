"""Expectations on alerts, judged from made-up observations."""

import pytest

from foundation.errors import ConfigError
from trafficgen.scenario.expect import Judge, Seen, parse_expectation

FIRING = "alert A firing within 30s, resolved within 60s after errors"


def judged(text, *observations, start_s=10.0, end_s=40.0, finish_s=500.0):
    judge = Judge(parse_expectation(text), start_s, end_s)
    for at_s, prometheus, alertmanager in observations:
        judge.observe(Seen(at_s, frozenset(prometheus), None if alertmanager is None else frozenset(alertmanager)))
    judge.finish(finish_s)
    verdict = judge.verdict
    return verdict.held, verdict.why, verdict.firing_after_s, verdict.alertmanager_after_s, verdict.resolved_after_s


@pytest.mark.parametrize(
    ("text", "observations", "want"),
    [
        pytest.param(
            FIRING, [(5, "", ""), (15, "A", ""), (17, "A", "A"), (60, "", "A"), (62, "", "")],
            (True, "", 5.0, 7.0, 22.0), id="held",
        ),
        pytest.param(
            FIRING, [(15, "A", None), (41, "", None)], (True, "", 5.0, 5.0, 1.0), id="without-alertmanager",
        ),
        pytest.param(
            FIRING, [(5, "A", ""), (15, "A", "A")],
            (False, "it was firing before 10.0 s, where the fault began", None, None, None), id="fired-before",
        ),
        pytest.param(
            FIRING, [(15, "", ""), (41, "", "")],
            (False, "not firing in Prometheus within 30 s", None, None, None), id="never-fires",
        ),
        pytest.param(
            FIRING, [(15, "A", ""), (41, "A", "")],
            (False, "not firing in Alertmanager within 30 s", 5.0, None, None), id="not-delivered",
        ),
        pytest.param(
            FIRING, [(39, "A", ""), (45, "A", "A")],
            (False, "firing only after 35.0 s", 29.0, 35.0, None), id="late",
        ),
        pytest.param(
            FIRING, [(40, "A", "A"), (100, "", "")], (True, "", 30.0, 30.0, 60.0), id="just-in-time",
        ),
        pytest.param(
            FIRING, [(40, "", ""), (40, "A", "A"), (100, "A", "A"), (100, "", "")],
            (True, "", 30.0, 30.0, 60.0), id="not-yet-too-late",
        ),
        pytest.param(
            FIRING, [(15, "A", "A"), (30, "", ""), (101, "A", "A")],
            (False, "not resolved within 60 s", 5.0, 5.0, None), id="not-resolved",
        ),
        pytest.param(
            FIRING, [(15, "A", "A"), (99, "A", "A"), (105, "", "")],
            (False, "resolved only after 65.0 s", 5.0, 5.0, 65.0), id="resolved-late",
        ),
        pytest.param(
            FIRING, [(15, "A", "A")], (False, "not over at 500.0 s, when the run ended", 5.0, 5.0, None), id="cut",
        ),
        pytest.param(
            FIRING, [], (False, "not firing until 500.0 s, when the run ended", None, None, None), id="unseen",
        ),
        pytest.param("alert A firing within 30s", [(15, "A", "A")], (True, "", 5.0, 5.0, None), id="firing-only"),
        pytest.param("no alerts but W", [(15, "W", "W")], (True, "", None, None, None), id="none-but"),
        pytest.param(
            "no alerts but W, X", [(15, "WXA", "")],
            (False, "A firing at 15.0 s", None, None, None), id="one",
        ),
        pytest.param("no alert A", [(-1, "A", "A"), (2, "A", "A")], (True, "", None, None, None), id="old"),
        pytest.param(
            "no alert A", [(-1, "A", "A"), (5, "", ""), (9, "A", "")],
            (False, "A firing at 9.0 s", None, None, None), id="old-again",
        ),
        pytest.param("no alert A", [(15, "BC", "")], (True, "", None, None, None), id="others-may"),
        pytest.param("no alert A", [(15, "B", "A")], (False, "A firing at 15.0 s", None, None, None), id="named"),
    ],
)  # fmt: skip
def test_the_verdict(text, observations, want):
    assert judged(text, *observations) == want


@pytest.mark.parametrize("text", ["", "alert", "alert A", "alert A firing", "alert A firing within soon", "alerts: A"])
def test_what_is_not_understood_is_told_with_the_syntax(text):
    with pytest.raises(ConfigError, match=r"write 'alert NAME|invalid duration"):
        parse_expectation(text)
