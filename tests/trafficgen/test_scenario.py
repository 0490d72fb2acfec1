"""Scenario files: read whole, refused with a path and a remedy."""

import pytest

from foundation.errors import ConfigError
from trafficgen.plan.mix import Fault
from trafficgen.scenario.scenario import builtin_scenarios, parse_scenario

GOOD = """
url: http://127.0.0.1:1/
mix: {/: 98, /missing: 2}
seed: 5
phases:
  - {name: calm, rate: 100, jitter: 0.2, duration: 1m}
  - {name: silence, rate: 0, duration: 30}
faults:
  - {name: errors, at: 10s, for: 20s, mix: /fail=30}
expect:
  - alert A firing within 10s, resolved within 1m after errors
  - alert B firing within 10s after silence
  - alert C firing within 10s
"""


def test_a_scenario_is_read_as_written():
    scenario = parse_scenario(GOOD, "s.yml")
    assert [(p.name, p.duration_s, p.jitter) for p in scenario.phases] == [("calm", 60.0, 0.2), ("silence", 30.0, 0.0)]
    assert scenario.faults == (Fault(10.0, 30.0, (("/fail", 0.3),), "errors"),)
    assert scenario.mix == (("/", 0.98), ("/missing", 0.02))
    spans = [(w.start_s, w.end_s) for w in map(scenario.window_of, scenario.expectations)]
    assert spans == [(10.0, 30.0), (60.0, 90.0), (10.0, 30.0)]


@pytest.mark.parametrize("name", ["quiet-day", "surge", "drop-to-zero", "error-burst", "demo"])
def test_the_programs_own_scenarios_can_be_read(name):
    assert parse_scenario(builtin_scenarios()[name], name).name == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("phases: {", "s.yml:2: not YAML", id="yaml"),
        pytest.param("[]", r"s.yml:1: \$: expected a mapping", id="list"),
        pytest.param("{}", "missing key phases", id="nothing"),
        pytest.param("phases: []", r"\$.phases: empty", id="no-phase"),
        pytest.param("phases: [{rate: 1, durration: 3}]", r"s.yml:1: .* did you mean duration", id="key"),
        pytest.param("phases: [{rate: -1}]", r"\$.phases\[0\]: rate: -1; expected a number", id="rate"),
        pytest.param("phases: [{rate: 1, jitter: 2}]", r"\$.phases\[0\].jitter: expected .*, got 2", id="jitter"),
        pytest.param("phases: [{rate: 1, duration: x}]", r"\$.phases\[0\].duration: invalid duration 'x'", id="time"),
        pytest.param("phases: [{rate: 1, mix: ''}]", r"\$.phases\[0\].mix: empty", id="mix"),
        pytest.param("phases: [{rate: 1}, {rate: 2}]", "only the last one", id="endless-first"),
        pytest.param("{repeat: true, phases: [{rate: 1}]}", "only without repeat", id="endless-repeat"),
        pytest.param("{phases: [{rate: 1}], faults: [{at: 1, for: 0, mix: /=1}]}", r"\[0\].for: invalid", id="for"),
        pytest.param("{phases: [{rate: 1}], faults: [{at: 1, for: 1, mix: /=101}]}", "100 percent", id="percent"),
        pytest.param(
            "{phases: [{rate: 1}], expect: [alert A firing within 1s after b]}",
            "no phase or fault is called b; known: phase 1", id="after",
        ),
    ],
)  # fmt: skip
def test_a_wrong_scenario_says_where(text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        parse_scenario(text, "s.yml")
    assert "\n" not in str(caught.value)
