"""What distinguishes plans, in a few characters: two runs with one digest send the same plan. Pure.

It is made of what the plan is drawn from, and of files of targets as they are written: no secret is in it.
"""

import hashlib
from dataclasses import fields, replace

import numpy as np

from trafficgen.plan.part import WHOLE
from trafficgen.plan.plan import CurvePlan, Plan
from trafficgen.plan.replay import ReplayPlan

_LENGTH = 16  # hexadecimal digits


def plan_digest(plan: Plan, *others: str) -> str:
    """The digest of the whole plan, of which `plan` may be a part, and of `others`, which say what is sent."""
    found = hashlib.sha256()
    if isinstance(plan, CurvePlan | ReplayPlan):
        whole = replace(plan, part=WHOLE)
        for field in fields(whole):
            value = getattr(whole, field.name)
            found.update(f"{field.name}=".encode())
            found.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    for other in others:
        found.update(f"\0{other}".encode())
    return found.hexdigest()[:_LENGTH]
