"""What tells plans apart: the same for all parts of one plan and in every process, another for every other plan."""

import subprocess
import sys
from dataclasses import replace

import pytest

from trafficgen.plan.digest import plan_digest
from trafficgen.plan.logread import Recording, Request
from trafficgen.plan.part import Part
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import CurvePlan, Phase
from trafficgen.plan.replay import make_replay
from trafficgen.targets.read import read_targets

PATTERNS = {
    "constant": (),
    "tide": ("tide:period=3s,amplitude=0.5",),
    "other tide": ("tide:period=3s,amplitude=0.6",),
    "drawn": ("tide:period=1s..4s,amplitude=0..1",),
    "burst": ("burst:on=1s,off=1s,factor=2",),
    "intermittent": ("intermittent:on=1s,off=1s",),
    "ramp": ("ramp:to=50,over=3s",),
}


def plan(pattern="constant", *, rate=10.0, seed=1, duration_s=5.0, jitter=0.0, arrival="even", mix=(("/", 1.0),)):
    phase = Phase(pattern=parse_patterns(PATTERNS[pattern], rate), duration_s=duration_s, jitter=jitter)
    return CurvePlan(phases=(phase,), mix=mix, seed=seed, arrival=arrival)


def replay(**settings):
    recording = Recording()
    for stamp in (1, 2, 5):
        recording.add(Request(1e9 + stamp, False, "GET", "/"))
    return make_replay(recording, settings.pop("seed", 1), **settings)


def test_each_plan_has_its_own_and_its_parts_have_the_same():
    plans = [
        *map(plan, PATTERNS),
        plan(rate=11.0),
        plan(seed=2),
        plan(duration_s=6.0),
        plan(jitter=0.1),
        plan(arrival="poisson"),
        plan(mix=(("/a", 1.0),)),
        replay(),
        replay(seed=2),
        replay(speed=2.0),
    ]
    digests = [plan_digest(one) for one in plans]
    assert len(set(digests)) == len(plans)
    assert [plan_digest(replace(one, part=Part(2, 3))) for one in plans] == digests
    assert plan_digest(plan(), "GET", "") != plan_digest(plan(), "POST", "")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_of_this_process_is_in_it(pattern):
    """Such as the address of an object."""
    assert " at 0x" not in repr(plan(pattern))


def test_another_process_finds_the_same():
    code = (
        "from trafficgen.plan.digest import plan_digest; from trafficgen.plan.plan import CurvePlan, Phase;"
        "from trafficgen.plan.patterns import parse_patterns;"
        "p = Phase(pattern=parse_patterns(('tide:period=3s,amplitude=0.5',), 10.0), duration_s=5.0);"
        "print(plan_digest(CurvePlan(phases=(p,), mix=(('/', 1.0),), seed=1)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == plan_digest(plan("tide"))


def test_targets_are_told_apart_by_what_is_written_not_by_secrets(tmp_path):
    (tmp_path / "users.csv").write_text("email\na@example.org\n")
    (tmp_path / "order.json").write_text("{}")
    text = "targets: [{path: '/{csv:users.csv:email}', body_file: order.json, headers: {X: '${env:TOKEN}'}}]\n"
    (tmp_path / "t.yml").write_text(text)

    def digest(token="a"):
        return read_targets(tmp_path / "t.yml", {"TOKEN": token}).digest

    first = digest()
    assert digest("b") == first
    (tmp_path / "users.csv").write_text("email\nb@example.org\n")
    second = digest()
    (tmp_path / "order.json").write_text("[]")
    third = digest()
    (tmp_path / "t.yml").write_text(text + "# changed\n")
    assert len({first, second, third, digest()}) == 4
