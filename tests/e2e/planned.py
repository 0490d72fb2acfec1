"""What goes wrong in the demo, and when: the times of the Procfile and of the scenario `demo`, in people's words."""

from datetime import datetime
from typing import NamedTuple


class Planned(NamedTuple):
    """One fault, in seconds of the demo; every_s: after which it begins again, None: once."""

    part: str  # in the Procfile
    what: str
    alert: str  # the first that names it; what it does to service levels may be told before
    at_s: int
    for_s: int
    every_s: int | None


HALF_AN_HOUR_S = 1800
PLANNED = (
    Planned("traffic", "the site answers one request in ten with 500", "SiteServerErrors", 480, 20, HALF_AN_HOUR_S),
    Planned(
        "errors",
        "error code 2 is five times as frequent in the new build",
        "ReleaseCodeOnset",
        600,
        45,
        HALF_AN_HOUR_S,
    ),
    Planned("hosting", "server 2 of the web host is silent", "HostingServerSilent", 780, 150, HALF_AN_HOUR_S),
    Planned("stores", "three stores are offline", "StoreOffline", 1020, 360, HALF_AN_HOUR_S),
)
EARLY = {
    "errors": ("at 10m for 45s every 30m", "at 45s for 45s every 6m"),
    "hosting": (' --fault "server=2 silent at 13m for 150s every 30m"', ""),
    "stores": (' --every 1m --fault "3 stores at 17m for 6m every 30m"', " --speed 3600"),
}
"""Per part what the check has in place of the demo's flags: faults within its two minutes, by chance or early."""


def early(commands: dict[str, str]) -> dict[str, str]:
    """The Procfile's commands as the check runs them."""
    changed = {}
    for part, (late, soon) in EARLY.items():
        assert late in commands[part], f"Procfile: {part}: {late!r}"
        changed[part] = commands[part].replace(late, soon)
    return commands | changed


def announcement(start_s: float) -> list[dict[str, object]]:
    """For `python -m alerts receiver --planned`: the faults with the Unix time of their first begin."""
    return [
        {"what": p.what, "alert": p.alert, "begin": start_s + p.at_s, "for_s": p.for_s, "every_s": p.every_s}
        for p in PLANNED
    ]


def as_lines(start_s: float) -> list[str]:
    """The same for a terminal, in local time."""
    lines = ["All is well at first, and only the watchdog fires. Then, by plan:"]
    for p in PLANNED:
        again = f", every {p.every_s // 60} min" if p.every_s else ", once"
        length = f"{p.for_s} s" if p.for_s < 120 else f"{p.for_s / 60:g} min"
        lines.append(f"  {datetime.fromtimestamp(start_s + p.at_s):%H:%M}  {p.what}, for {length}{again}: {p.alert}")  # noqa: DTZ006
    return lines
