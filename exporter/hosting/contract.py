"""The contract of customers: their promises, and announced maintenance."""

from datetime import tzinfo
from typing import NamedTuple

from exporter.hosting.maintenance import Maintenance
from exporter.hosting.termfiles import read_maintenance, read_plans
from exporter.hosting.terms import TASK, Plans, read_percent


class Contract(NamedTuple):
    """The terms of a verdict."""

    plans: Plans = Plans()
    maintenance: Maintenance = Maintenance()


def read_contract(promise: str | None, plans: str | None, maintenance: str | None, zone: tzinfo) -> Contract:
    """The contract in these files, if given.

    Args:
        promise: per cent, for accounts without a plan.
        plans: promises and credits by account or plan.
        maintenance: announced windows.
        zone: of times that name none.

    Raises:
        ValueError: the promise is not a percentage.
        ConfigError: a row cannot be read.
        SourceError: a file cannot be read.
    """
    default = TASK._replace(promise=read_percent(promise)) if promise else TASK
    return Contract(
        read_plans(plans, default) if plans else Plans(default),
        read_maintenance(maintenance, zone) if maintenance else Maintenance(),
    )
