"""Parts of a plan: together they are exactly the whole one, whatever the plan is and however many there are."""

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError
from trafficgen.config import LoadConfig
from trafficgen.plan.logread import Recording, Request
from trafficgen.plan.part import WHOLE, Part, parse_part
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.plan.replay import make_replay
from trafficgen.report.preview import rows
from trafficgen.run import make_plan
from trafficgen.send.rendered import make_requests
from trafficgen.send.request import parse_url
from trafficgen.send.session_state import Live
from trafficgen.targets.read import read_targets

TARGETS = """\
targets:
  - GET /
  - path: /u/{random 1 1000}?n={seq}&e={csv:users.csv:email}&o={csv:users.csv:email:next}
    weight: 3
sessions:
  - name: shop
    steps:
      - {method: POST, path: "/login?n={seq}", body: "{uuid} {csv:users.csv:email:next}"}
      - /cart
"""
PATTERNS = (
    (),
    ("tide:period=3s,amplitude=0.9",),
    ("tide:period=1s..4s,amplitude=0..1", "burst:on=300ms,off=700ms,factor=3"),
    ("intermittent:on=1s,off=1s",),
    ("ramp:from=0,to=200,over=3s",),
)


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    (folder / "users.csv").write_text("email\n" + "".join(f"{n}@example.org\n" for n in range(7)))
    (folder / "t.yml").write_text(TARGETS)
    return read_targets(folder / "t.yml", {})


def config_of(*, pattern=(), rate=60.0, jitter=0.0, duration_s=4.0, **more):
    phase = Phase(pattern=parse_patterns(pattern, rate), duration_s=duration_s, jitter=jitter, jitter_interval_s=0.5)
    return LoadConfig(url="http://127.0.0.1:9/", phases=(phase,), **more)


def pairs(plan, worker=0, workers=1):
    """(due, request), in the order of the plan."""
    return [pair for c in plan.chunks(worker, workers) for pair in zip(c.due_ns, c.requests, strict=True)]


def assert_partition(plan, of, workers=1):
    """Part k has the requests k, k + n, ... of the one plan, so each is sent once and all are spread alike."""
    whole = pairs(plan)
    for number in range(1, of + 1):
        part = replace(plan, part=Part(number, of))
        assert pairs(part) == whole[number - 1 :: of]
        dealt = [pairs(part, worker, workers) for worker in range(workers)]
        assert sorted(chain(*dealt)) == sorted(pairs(part))
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    pattern=st.sampled_from(PATTERNS),
    jitter=st.sampled_from([0.0, 0.3, 1.0]),
    arrival=st.sampled_from(["even", "poisson"]),
    with_targets=st.booleans(),
    of=st.integers(1, 12),
    workers=st.integers(1, 4),
)
def test_the_parts_together_are_the_plan(  # noqa: PLR0917, drawn
    targets, seed, pattern, jitter, arrival, with_targets, of, workers
):
    chosen = targets if with_targets else None
    config = config_of(pattern=pattern, rate=None if "ramp" in str(pattern) else 60.0, jitter=jitter, arrival=arrival)
    config = replace(config, targets=chosen, mix=None if with_targets else (("/", 0.7), ("/fail", 0.3)))
    assert_partition(make_plan(config, seed), of, workers)


@given(
    stamps=st.lists(st.integers(0, 5), min_size=1, max_size=40),
    exact=st.booleans(),
    loop=st.booleans(),
    of=st.integers(1, 7),
    workers=st.integers(1, 3),
)
def test_the_parts_of_a_replay_together_are_the_replay(stamps, exact, loop, of, workers):
    recording = Recording()
    for number, stamp in enumerate(stamps):
        recording.add(Request(1e9 + stamp, exact, "GET", f"/{number % 3}"))
    assert_partition(make_replay(recording, 3, loop=loop, limit_s=14.0 if loop else None), of, workers)


def rendered(config, part):
    """What a part sends, as bytes; steps of sessions as they begin."""
    plan = make_plan(replace(config, part=part), 5)
    requests, kinds = make_requests(config, plan, parse_url(config.url)), len(plan.requests)
    found = []
    for _, number in pairs(plan):
        start, kind = divmod(number, kinds)
        found.append(requests.renders[kind](start, Live()) if kind in requests.renders else requests.by_number[number])
    return found


def test_values_are_those_of_the_whole_plan(targets):
    """`{seq}`, `{uuid}`, `{random}` and the rows of a CSV file are by the number of the request in the whole."""
    config = config_of(rate=50.0, targets=targets)
    whole = [r.decode() for r in rendered(config, WHOLE)]
    assert len(whole) == 200
    for number in (1, 2, 3):
        assert [r.decode() for r in rendered(config, Part(number, 3))] == whole[number - 1 :: 3]
    for at, request in enumerate(whole):
        assert request.startswith("GET / ") or f"n={at + 1}" in request
        assert "/u/" not in request or f"o={at % 7}%40example.org" in request


def test_a_part_wants_its_share_of_the_rate():
    part = make_plan(config_of(rate=60.0, part=Part(2, 3)), 1)
    assert [(row.expected, row.due) for row in rows(part)] == [(pytest.approx(20.0), 20)] * 4


@pytest.mark.parametrize(
    ("text", "environment", "want"),
    [
        ("2/5", {}, Part(2, 5)),
        ("1/1", {}, WHOLE),
        ("index/5", {"JOB_COMPLETION_INDEX": "0"}, Part(1, 5)),
        ("index/5", {"JOB_COMPLETION_INDEX": "4"}, Part(5, 5)),
    ],
)
def test_a_part_is_read(text, environment, want):
    assert parse_part(text, environment) == want
    assert parse_part(str(want), {}) == want


@pytest.mark.parametrize(
    ("text", "environment", "says"),
    [
        ("2", {}, "expected K/N, for example 2/5"),
        ("-1/5", {}, "expected K/N"),
        ("2/5/1", {}, "expected K/N"),
        ("0/5", {}, "--part: 0/5: expected a part from 1 to 5"),
        ("6/5", {}, "from 1 to 5"),
        ("1/0", {}, "expected 1 to 1,000 parts"),
        ("1/1001", {}, "expected 1 to 1,000 parts"),
        ("index/5", {}, "JOB_COMPLETION_INDEX is not set"),
        ("index/5", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is 'x'"),
        ("index/5", {"JOB_COMPLETION_INDEX": "5"}, "JOB_COMPLETION_INDEX is 5, which is part 6: expected a part"),
    ],
)
def test_what_is_not_a_part_is_refused(text, environment, says):
    with pytest.raises(ConfigError, match=says.replace("?", r"\?")):
        parse_part(text, environment)
