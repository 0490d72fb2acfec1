"""The routing tests: against closed forms and brute force, and on worlds whose answer is known."""

from math import sqrt

import numpy as np
import pytest

from exporter.hosting import choice
from exporter.hosting.choice import Choices
from exporter.hosting.routing import analyse

N, SERVERS = 400, 4


def world(policy, n=N, servers=SERVERS, seed=7):
    """Decisions in a world where a choice adds to its server's workload for a while."""
    draw = np.random.default_rng(seed)
    noise, echo = np.zeros(servers), np.zeros(servers)
    workload, chosen = np.zeros((n, servers)), np.zeros(n, int)
    for t in range(n):
        noise = 0.9 * noise + draw.normal(0, 0.05, servers)
        workload[t] = 0.5 + noise + echo
        chosen[t] = policy(t, workload[t], draw)
        echo *= 0.9
        echo[chosen[t]] += 0.05
    return Choices(workload, np.ones((n, servers)), chosen, np.arange(n) * 60)


def uniform(_t, w, draw):
    return draw.integers(len(w))


def preferring(_t, _w, draw):
    return draw.choice(4, p=[0.4, 0.3, 0.2, 0.1])


def by_workload(_t, w, draw):
    weights = np.exp(-6 * w)
    return draw.choice(len(w), p=weights / weights.sum())


def rotating(t, w, _draw):
    return t % len(w)


def test_the_score_with_everything_on_offer_is_the_closed_form():
    choices = world(preferring)
    w = choices.workload
    p = np.bincount(choices.chosen, minlength=SERVERS) / N
    mean = w @ p
    score = (w[np.arange(N), choices.chosen] - mean).sum()
    k = (p * (w - mean[:, None])).sum(axis=0)[:3]
    info = N * (np.diag(p) - np.outer(p, p))[:3, :3]
    variance = ((w**2) @ p - mean**2).sum() - k @ np.linalg.inv(info) @ k
    got = choice.score_test(choices, choice.fit(choices, with_beta=False))
    assert got.statistic == pytest.approx(score / sqrt(variance))


def test_fitted_constants_give_each_server_its_count_however_the_offer_varies():
    draw = np.random.default_rng(3)
    offer = (draw.random((N, SERVERS)) < 0.7).astype(float)
    offer[offer.sum(axis=1) == 0] = 1
    chosen = np.array([draw.choice(SERVERS, p=row / row.sum()) for row in offer])
    p = choice.fit(Choices(np.zeros((N, SERVERS)), offer, chosen, np.arange(N)), with_beta=False).p
    assert p.sum(axis=0) == pytest.approx(np.bincount(chosen, minlength=SERVERS), abs=1e-5)
    assert (p[offer == 0] == 0).all()


def test_the_odds_ratio_is_found_within_its_interval():
    choices = world(by_workload, n=3000)
    got = choice.score_test(choices, choice.fit(choices, with_beta=False))
    assert got.low < np.exp(-0.6) < got.high
    assert got.high < 0.75


def test_every_shift_of_the_shift_test_is_the_score_after_rolling_the_workloads():
    choices = world(uniform, n=130)
    null = choice.fit(choices, with_beta=False)
    _, observed, shifted = choice.shift_scores(choices, null)
    lags = range(choice.MIN_LAG, 130 - choice.MIN_LAG + 1)

    def score(w):
        return w[np.arange(130), choices.chosen].sum() - (null.p * w).sum()

    assert observed == pytest.approx(score(choices.workload))
    assert shifted == pytest.approx([score(np.roll(choices.workload, -lag, axis=0)) for lag in lags])


def test_decisions_of_one_second_count_as_one():
    one_by_one = world(uniform)
    w = np.repeat(one_by_one.workload[:100], 4, axis=0)
    together = Choices(w, np.ones(w.shape), np.repeat(one_by_one.chosen[:100], 4), np.repeat(np.arange(100), 4))
    single = Choices(one_by_one.workload[:100], np.ones((100, 4)), one_by_one.chosen[:100], np.arange(100))
    four, one = (choice.score_test(c, choice.fit(c, with_beta=False)).statistic for c in (together, single))
    assert four == pytest.approx(one, rel=0.15)


@pytest.mark.parametrize(
    ("largest", "want"),
    [pytest.param(False, (0.8, 0.4439, 0.9748), id="least"), pytest.param(True, (0.0, 0.0, 0.3085), id="most")],
)
def test_the_share_of_the_extreme_has_the_exact_interval(largest, want):
    """8 of 10 took the least loaded: Clopper and Pearson give 0.4439 to 0.9748; 0 of 10 give 0 to 0.3085."""
    workload = np.tile([0.1, 0.2, 0.3], (10, 1))
    choices = Choices(workload, np.ones((10, 3)), np.array([0] * 8 + [1] * 2), np.arange(10))
    got, by_chance = choice.extreme_share(choices, largest=largest)
    assert (got.effect, got.low, got.high) == pytest.approx(want, abs=1e-4)
    assert by_chance == pytest.approx(1 / 3)


def test_the_paired_test_is_students():
    """Differences 1, 2, 3: mean 2, standard error 1/sqrt(3), t = 3.464 with 2 degrees, p = 0.0742."""
    got = choice.paired_test(np.array([1.0, 2.0, 3.0]))
    assert (got.statistic, got.p_value) == pytest.approx((3.4641, 0.07418), abs=1e-4)
    assert (got.low, got.high) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)


def test_holm_steps_down():
    assert choice.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def tables(choices, *, first=True):
    """A world's decisions as the tables of the SQL: each decision a new account's."""
    n, servers = choices.workload.shape
    rows = np.repeat(np.arange(n), servers)
    account = rows
    return (
        {
            "account_id": account,
            "route_s": choices.time_s[rows],
            "server_id": choices.chosen[rows] + 1,
            "from_server_id": choices.chosen[rows] + 1,
            "is_first": np.full(n * servers, int(first)),
            "candidate_id": np.tile(np.arange(servers) + 1, n),
            "workload": choices.workload.ravel(),
        },
        {
            "server_id": choices.chosen + 1,
            "route_s": choices.time_s,
            "until_s": np.full(n, choices.time_s[-1] + 60),
        },
        list(range(1, servers + 1)),
    )


@pytest.mark.parametrize(
    ("policy", "depends", "rotates", "says"),
    [
        pytest.param(uniform, False, False, "not shown", id="uniform"),
        pytest.param(preferring, False, False, "not shown", id="fixed-preferences"),
        pytest.param(rotating, False, True, "not shown", id="round-robin"),
        pytest.param(by_workload, True, False, "idler servers are chosen", id="by-workload"),
    ],
)
def test_the_answer_on_worlds_whose_answer_is_known(policy, depends, rotates, says):
    answer = analyse(*tables(world(policy))).answers[0]
    assert (answer.question, answer.depends, answer.rotates) == ("creation", depends, rotates)
    assert says in answer.says


@pytest.mark.parametrize("n", [0, 5, 50])
def test_few_decisions_are_no_answer(n):
    if n == 0:
        empty = {name: np.array([], int) for name in (*tables(world(uniform, n=1))[0], "until_s")}
        routing = analyse(empty, empty, [])
    else:
        routing = analyse(*tables(world(by_workload, n=n)))
    assert [answer.depends for answer in routing.answers] == [False] * 3
    assert all(answer.says.startswith("unknown") for answer in routing.answers)


def test_a_route_to_a_silent_server_is_no_choice():
    choices, segments, servers = tables(world(uniform))
    kept = ~((choices["account_id"] < 7) & (choices["candidate_id"] == choices["server_id"]))
    routing = analyse({name: column[kept] for name, column in choices.items()}, segments, servers)
    assert (routing.unseen, routing.answers[0].n) == (7, N - 7)


def moves(draw_account, draw_server, seed, n=300, accounts=24):
    """The tables of a world in which one account is moved each minute; its own server drawn: nothing happens."""
    draw = np.random.default_rng(seed)
    noise, home, since = np.zeros(SERVERS), draw.integers(SERVERS, size=accounts), np.zeros(accounts, int)
    rows, segments, minute = [], [], 0
    while len(rows) < n:
        minute += 1
        noise = 0.95 * noise + draw.normal(0, 0.06, SERVERS)
        account = draw_account(noise, home, draw)
        source = home[account]
        server = draw_server(noise, source, draw)
        if server == source:
            continue
        rows.append((account, 60 * minute, server, source, noise))
        segments.append((source, since[account], 60 * minute))
        home[account], since[account] = server, 60 * minute
    segments += [(home[account], since[account], 60 * minute + 60) for account in range(accounts)]
    columns = zip(
        ("account_id", "route_s", "server_id", "from_server_id"),
        zip(*(row[:4] for row in rows), strict=True),
        strict=True,
    )
    choices = {name: np.repeat(column, SERVERS) for name, column in columns}
    choices |= {"is_first": np.zeros(n * SERVERS, int), "candidate_id": np.tile(np.arange(SERVERS), n)}
    choices["workload"] = np.concatenate([row[4] for row in rows])
    served = dict(zip(("server_id", "route_s", "until_s"), np.array(segments).T, strict=True))
    return choices, served, list(range(SERVERS))


def any_account(_w, home, draw):
    return draw.integers(len(home))


def account_of_the_busiest(w, home, draw):
    busy = [account for account, server in enumerate(home) if w[server] > np.median(w)]
    return draw.choice(busy or len(home))


def least_of_the_others(w, source, _draw):
    return int(np.argmin(np.where(np.arange(len(w)) == source, np.inf, w)))


def any_server_by_workload(w, _source, draw):
    weights = np.exp(-6 * w)
    return draw.choice(len(w), p=weights / weights.sum())


def any_other(w, source, draw):
    return draw.choice([server for server in range(len(w)) if server != source])


@pytest.mark.parametrize(
    ("draw_account", "draw_server", "goes", "leaves"),
    [
        pytest.param(any_account, least_of_the_others, True, False, id="any-account-to-the-least-loaded-other"),
        pytest.param(any_account, any_server_by_workload, True, False, id="any-account-to-any-server-by-workload"),
        pytest.param(any_account, any_other, False, False, id="any-account-to-any-other"),
        pytest.param(account_of_the_busiest, any_other, False, True, id="account-by-workload"),
        pytest.param(account_of_the_busiest, least_of_the_others, True, True, id="both-by-workload"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_an_account_leaves_is_not_taken_for_where_it_goes(draw_account, draw_server, goes, leaves, seed):
    routing = analyse(*moves(draw_account, draw_server, seed))
    assert [answer.depends for answer in routing.answers[1:]] == [goes, leaves]


def test_what_is_explained_by_the_destination_is_said_so():
    routing = analyse(*moves(any_account, least_of_the_others, seed=1))
    assert "the destinations of accounts may explain the pattern" in routing.answers[2].says
    rejects = {test.test: test.rejects for test in routing.tests if test.question == "source"}
    assert rejects["score: odds ratio per +0.1 workload"]
    assert not rejects["score, destination on offer: odds ratio"]


def test_servers_that_are_never_chosen_change_no_estimate():
    """And cost no square of their number: a fleet may have thousands."""
    small = world(by_workload)
    fleet = 600
    workload, offer = np.full((N, fleet), 0.5), np.zeros((N, fleet))
    places = np.array([3, 70, 400, 599])
    workload[:, places], offer[:, places] = small.workload, small.offer
    large = Choices(workload, offer, places[small.chosen], small.time_s)
    for with_beta in (False, True):
        want, got = (choice.fit(one, with_beta=with_beta) for one in (small, large))
        assert (got.beta, got.information) == pytest.approx((want.beta, want.information), rel=1e-6)
        assert got.p[:, places] == pytest.approx(want.p, rel=1e-6)
    nulls = [choice.fit(one, with_beta=False) for one in (small, large)]
    turns = [
        choice.transition_test(one, null, np.roll(one.chosen, 1))
        for one, null in zip((small, large), nulls, strict=True)
    ]
    assert turns[1] == pytest.approx(turns[0])
