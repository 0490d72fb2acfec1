"""A standing as metric families."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from exporter.catalogue import Family
from exporter.catalogue import hosting as metrics
from exporter.hosting.contract import Contract
from exporter.hosting.excused import SERVER_STATES, STATES
from exporter.hosting.parse import KINDS, REASONS
from exporter.hosting.standing import DOWN, Cycle, Standing
from exporter.hosting.state import About
from foundation.terminal import printable

FUTURE = "future"
"""Why a line is not taken, beside REASONS: its time is ahead of the reader's clock. A report does not use a clock."""

_DOWN = [STATES.index(state) for state in DOWN]


def families(
    source: str,
    cycle: Cycle,
    about: About,
    standing: Standing | None,
    *,
    heard: Mapping[int, tuple[int, float]],
    contract: Contract,
    max_accounts: int,
) -> Iterator[Family]:
    """Everything about the host; accounts and servers once something has been calculated.

    heard: each server's last heartbeat, and its workload.
    """
    yield metrics.EVENTS.family({(source, kind): about.events.get(kind, 0) for kind in KINDS})
    yield metrics.LINES_FAILED.family({(source, reason): about.failed.get(reason, 0) for reason in (*REASONS, FUTURE)})
    yield metrics.RESTATING.family({(source,): about.restating})
    yield metrics.DECISIONS.family({(source, *key.split(" ")): n for key, n in sorted(about.decisions.items())})
    yield metrics.ALLOWED.family({(source,): float(contract.plans.default.allowed_s(cycle.end_s - cycle.start_s))})
    yield metrics.CYCLE_START.family({(source,): cycle.start_s})
    yield metrics.CYCLE_END.family({(source,): cycle.end_s})
    if standing is not None:
        yield metrics.WATERMARK.family({(source,): standing.settled_s})
        yield from _servers(source, heard, standing)
        yield from _sums(source, standing, max_accounts)
        yield metrics.CONTRACT_UNMATCHED.family(
            {(source, kind): n for kind, n in _unmatched(standing, contract).items()}
        )
        yield from _accounts(source, standing, contract, max_accounts)


def _servers(source: str, heard: Mapping[int, tuple[int, float]], standing: Standing) -> Iterator[Family]:
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
    yield metrics.SERVER_WORKLOAD.family({(source, str(server)): load for server, (_, load) in heard.items()})
    yield metrics.SERVER_LAST_HEARTBEAT.family({(source, str(server)): t for server, (t, _) in heard.items()})


def _sums(source: str, standing: Standing, max_accounts: int) -> Iterator[Family]:
    now = np.bincount(standing.state[standing.state >= 0], minlength=len(STATES)).tolist()
    yield metrics.ACCOUNTS.family({(source, name): n for name, n in zip(STATES, now, strict=True)})
    lived = standing.spent.sum(axis=1) > 0
    found = Counter(
        "unknown" if not known else "violated" if verdict.broken else "kept"
        for known, verdict, alive in zip(standing.known, standing.verdicts, lived, strict=True)
        if alive
    )
    yield metrics.VERDICTS.family({(source, name): found[name] for name in ("kept", "violated", "unknown")})
    yield metrics.ACCOUNTS_HIDDEN.family({(source,): max(0, len(standing.accounts) - max_accounts)})


def _unmatched(standing: Standing, contract: Contract) -> Mapping[str, int]:
    """How many accounts and servers of the contract the logs do not have."""
    accounts, servers = set(standing.accounts), set(standing.servers)
    plans, maintenance = contract
    return {
        "plans": len(plans.by_account.keys() - accounts),
        "maintenance": len(maintenance.accounts.keys() - accounts) + len(maintenance.servers.keys() - servers),
    }


def _accounts(source: str, standing: Standing, contract: Contract, max_accounts: int) -> Iterator[Family]:
    down = standing.spent[:, _DOWN].sum(axis=1)
    left = np.array([verdict.left for verdict in standing.verdicts], float)
    shown = np.sort(np.lexsort((-down, left))[:max_accounts]).tolist()
    ids = {i: str(standing.accounts[i]) for i in shown}
    terms = {i: contract.plans.of(standing.accounts[i]) for i in shown}
    verdicts = {i: standing.verdicts[i] for i in shown}
    spent, state, down_s = standing.spent.tolist(), standing.state.tolist(), down.tolist()
    yield metrics.ACCOUNT_INFO.family({(source, ids[i], printable(standing.names[i])): 1 for i in shown})
    yield metrics.ACCOUNT_PLAN.family({(source, ids[i], printable(terms[i].plan or "")): 1 for i in shown})
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
    yield metrics.PROMISE.family({(source, ids[i]): float(terms[i].promise / 100) for i in shown})
    yield metrics.BUDGET.family({(source, ids[i]): float(verdicts[i].allowed_s) for i in shown})
    yield metrics.BUDGET_REMAINING.family({(source, ids[i]): verdicts[i].left for i in shown})
    given_back = {(source, ids[i]): verdict.credit for i, verdict in verdicts.items()}
    yield metrics.CREDIT.family({key: float(part / 100) for key, part in given_back.items() if part is not None})
