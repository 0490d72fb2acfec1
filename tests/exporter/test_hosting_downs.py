from itertools import groupby, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exporter.hosting.cycle import CycleResult, Outage
from exporter.hosting.downs import CAUSES, AccountOutage, account_downs
from exporter.hosting.maintenance import Maintenance
from exporter.hosting.window import Window

LENGTH_S = 30
ACCOUNTS, SERVERS = (1, 2, 7), (3, 4)

times = st.lists(st.integers(0, LENGTH_S), max_size=8, unique=True).map(sorted)
windows = st.lists(
    st.tuples(st.integers(0, LENGTH_S), st.integers(1, 9)).map(lambda w: (w[0], w[0] + w[1])), max_size=2
)
routes = st.dictionaries(
    st.integers(0, LENGTH_S), st.tuples(st.sampled_from((*SERVERS, None)), st.sampled_from((0, 1, 2))), max_size=6
)
"""Which server answers from a second on, and whether that is in doubt (1); None: no account is there."""


@st.composite
def states(draw):
    """The state of a server in each second."""
    cuts = draw(times)
    found = [None] * LENGTH_S
    for start, end in pairwise([*cuts, LENGTH_S]):
        found[start:end] = [draw(st.sampled_from((None, *CAUSES, "unknown")))] * (end - start)
    return found


def runs(values):
    """(first second, end, value) of each run of equal values."""
    at = 0
    for value, same in groupby(values):
        n = len(list(same))
        yield at, at + n, value
        at += n


def result_of(by_account, by_server):
    rows = []
    for account, routed in by_account.items():
        for (start, (server, doubt)), (end, _) in pairwise([*sorted(routed.items()), (LENGTH_S, None)]):
            if server is not None:
                rows.append((account, server, start, end, doubt))
    names = ("account_id", "server_id", "start_s", "end_s", "doubt")
    segments = dict(zip(names, np.array(rows, np.int64).reshape(-1, 5).T, strict=True))
    outages = [
        Outage(server, start, end, cause)
        for server, seconds in by_server.items()
        for start, end, cause in runs(seconds)
        if cause
    ]
    window = Window(0, LENGTH_S, LENGTH_S, 1)
    return CycleResult(
        window=window,
        sessions=[],
        outages=outages,
        segments=segments,
        choices={},
        servers=list(by_server),
        cadence=[],
        oddities={},
    )


def walk(routed, by_server, maintenance, account):
    """The same of one account, second by second."""
    state, seconds = (None, 0), []
    for second in range(LENGTH_S):
        state = routed.get(second, state)
        server, doubt = state
        cause = None if server is None or doubt == 1 else by_server[server][second]
        is_judged = cause in CAUSES and not any(
            start <= second < end for start, end in maintenance.windows(server, account)
        )
        seconds.append((server, cause) if is_judged else None)
    return [AccountOutage(start, end, *value) for start, end, value in runs(seconds) if value]


@given(
    by_account=st.fixed_dictionaries(dict.fromkeys(ACCOUNTS, routes)),
    by_server=st.fixed_dictionaries({server: states() for server in SERVERS}),
    maintenance=st.builds(
        Maintenance,
        windows,
        st.dictionaries(st.sampled_from(SERVERS), windows),
        st.dictionaries(st.sampled_from(ACCOUNTS), windows),
    ),
)
def test_every_account_has_the_outages_that_walking_gives(by_account, by_server, maintenance):
    downs = account_downs(result_of(by_account, by_server), maintenance)
    want = {account: walk(by_account[account], by_server, maintenance, account) for account in ACCOUNTS}
    assert {account: downs.of(account) for account in ACCOUNTS} == want
    assert len(downs.start_s) == sum(map(len, want.values()))


def test_there_are_none_where_no_account_was():
    downs = account_downs(result_of({}, {3: ["silent"] * LENGTH_S}), Maintenance())
    assert downs.of(1) == []
