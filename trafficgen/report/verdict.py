"""What became of what a scenario expects of the monitoring: a part of the report. Pure."""

import msgspec


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an expectation; delays in seconds, None where it did not come to that."""

    expectation: str
    held: bool
    why: str = ""  # it did not hold
    firing_after_s: float | None = None  # in Prometheus, since the start of the fault
    alertmanager_after_s: float | None = None  # in Alertmanager, since the start of the fault
    resolved_after_s: float | None = None  # in both, since the end of the fault


def describe(verdict: Verdict) -> str:
    """One line: held or not, and the delays."""
    delays = [
        f"{what} after {delay:.1f} s"
        for what, delay in (
            ("firing in Prometheus", verdict.firing_after_s),
            ("in Alertmanager", verdict.alertmanager_after_s),
            ("resolved", verdict.resolved_after_s),
        )
        if delay is not None
    ]
    return f"{'held' if verdict.held else 'FAILED'}  {verdict.expectation}: " + (
        ", ".join(delays + ([verdict.why] if verdict.why else [])) or "as expected"
    )
