"""A standing as metric families."""

from collections.abc import Iterator

import numpy as np

from exporter.catalogue import Family
from exporter.catalogue import hosting as metrics
from exporter.hosting.parse import ALLOWED_PER_MILLE, KINDS, REASONS
from exporter.hosting.standing import SERVER_STATES, STATES, Cycle, Standing
from exporter.hosting.state import About
from foundation.terminal import printable

FUTURE = "future"
"""Why a line is not taken, beside REASONS: its time is ahead of the reader's clock. A report has no such clock."""

_DOWN = [STATES.index("overload"), STATES.index("silent")]


def allowed_s(cycle: Cycle) -> float:
    """The cycle's allowed downtime in seconds."""
    return (cycle.end_s - cycle.start_s) * ALLOWED_PER_MILLE / 1000


def families(source: str, cycle: Cycle, about: About, standing: Standing | None, max_accounts: int) -> Iterator[Family]:
    """Everything about the host; accounts and servers once something has been accounted."""
    yield metrics.EVENTS.family({(source, kind): about.events.get(kind, 0) for kind in KINDS})
    yield metrics.LINES_FAILED.family({(source, reason): about.failed.get(reason, 0) for reason in (*REASONS, FUTURE)})
    yield metrics.RESTATING.family({(source,): about.restating})
    yield metrics.DECISIONS.family({(source, *key.split(" ")): n for key, n in sorted(about.decisions.items())})
    yield metrics.ALLOWED.family({(source,): allowed_s(cycle)})
    yield metrics.CYCLE_START.family({(source,): cycle.start_s})
    yield metrics.CYCLE_END.family({(source,): cycle.end_s})
    if standing is not None:
        yield metrics.WATERMARK.family({(source,): standing.settled_s})
        yield from _servers(source, about, standing)
        yield from _sums(source, cycle, standing, max_accounts)
        yield from _accounts(source, cycle, standing, max_accounts)


def _servers(source: str, about: About, standing: Standing) -> Iterator[Family]:
    yield metrics.SERVER_STATE.family(
        {
            (source, str(server), name): int(state == i)
            for server, state in zip(standing.servers, standing.server_state.tolist(), strict=True)
            for i, name in enumerate(SERVER_STATES)
        }
    )
    yield metrics.SERVER_STATE_SECONDS.family(
        {
            (source, str(server), name): seconds
            for server, row in zip(standing.servers, standing.server_spent.tolist(), strict=True)
            for name, seconds in zip(SERVER_STATES, row, strict=True)
        }
    )
    yield metrics.SERVER_WORKLOAD.family({(source, str(server)): load for server, (_, load) in about.last.items()})
    yield metrics.SERVER_LAST_HEARTBEAT.family({(source, str(server)): t for server, (t, _) in about.last.items()})


def _sums(source: str, cycle: Cycle, standing: Standing, max_accounts: int) -> Iterator[Family]:
    now = np.bincount(standing.state[standing.state >= 0], minlength=len(STATES)).tolist()
    yield metrics.ACCOUNTS.family({(source, name): n for name, n in zip(STATES, now, strict=True)})
    lived = standing.spent.sum(axis=1) > 0
    violated = int((standing.spent[:, _DOWN].sum(axis=1) > allowed_s(cycle)).sum())
    verdicts = {"kept": int(lived.sum()) - violated, "violated": violated}
    yield metrics.VERDICTS.family({(source, verdict): n for verdict, n in verdicts.items()})
    yield metrics.ACCOUNTS_HIDDEN.family({(source,): max(0, len(standing.accounts) - max_accounts)})


def _accounts(source: str, cycle: Cycle, standing: Standing, max_accounts: int) -> Iterator[Family]:
    down = standing.spent[:, _DOWN].sum(axis=1)
    shown = np.sort(np.argsort(-down, kind="stable")[:max_accounts]).tolist()
    ids = {i: str(standing.accounts[i]) for i in shown}
    spent, state, down_s = standing.spent.tolist(), standing.state.tolist(), down.tolist()
    yield metrics.ACCOUNT_INFO.family({(source, ids[i], printable(standing.names[i])): 1 for i in shown})
    yield metrics.ACCOUNT_SERVER.family(
        {(source, ids[i], str(standing.server_of[i])): 1 for i in shown if standing.server_of[i] is not None}
    )
    yield metrics.ACCOUNT_STATE_SECONDS.family(
        {(source, ids[i], name): spent[i][n] for i in shown for n, name in enumerate(STATES)}
    )
    yield metrics.ACCOUNT_STATE.family(
        {(source, ids[i], name): int(state[i] == n) for i in shown if state[i] >= 0 for n, name in enumerate(STATES)}
    )
    yield metrics.ACCOUNT_DOWNTIME.family({(source, ids[i]): down_s[i] for i in shown})
    allowed = allowed_s(cycle)
    yield metrics.BUDGET_REMAINING.family({(source, ids[i]): 1 - down_s[i] / allowed for i in shown})
