"""Runs a scenario: the traffic, and beside it the watch over the alerts that it must raise."""

import asyncio
import math
from collections.abc import Callable

import msgspec

from foundation.errors import ungrouped
from trafficgen.fetch import new_session
from trafficgen.report.report import Report
from trafficgen.report.verdict import Verdict, describe
from trafficgen.run import Run
from trafficgen.scenario.expect import Judge
from trafficgen.scenario.scenario import Scenario, Window
from trafficgen.scenario.watch import TIMEOUT_S, AlertApis, watch


class Drive:
    """One run of a scenario; `await execute()` once. `stop` ends the traffic, or the wait after it."""

    def __init__(self, scenario: Scenario, run: Run) -> None:
        """`run`: of the scenario's plan, not begun."""
        self.scenario, self.run = scenario, run
        self.judges = [Judge(e, *_span(scenario.window_of(e))) for e in scenario.expectations]
        self._announced: set[object] = set()
        self._traffic_over = False

    def stop(self) -> None:
        """End the traffic and wait for its answers; once that is over, end the wait for alerts."""
        if self._traffic_over:
            self._finish("the wait for it was stopped")
        else:
            self.run.stop()

    async def execute(
        self,
        prometheus: str,
        alertmanager: str | None,
        *,
        on_tick: Callable[[Run], None],
        say: Callable[[str], None],
    ) -> Report:
        """The report, with a verdict on each expectation. Raises ConfigError when target or APIs can't be reached."""
        self._say = say
        async with new_session(TIMEOUT_S) as session:
            apis = AlertApis(session, prometheus, alertmanager)
            if self.judges:
                before = await apis.look_before()
                for judge in self.judges:
                    judge.observe(before)
            await self.run.reach()
            with ungrouped():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(watch(apis, self.judges, self.run.elapsed_s))
                    report = await self.run.execute(lambda run: self._tick(run, on_tick))
                    self._end_traffic(report)
        self._news(self.run.elapsed_s())
        windows = [msgspec.to_builtins(window) for window in self.scenario.windows()]
        return msgspec.structs.replace(report, windows=windows, expectations=self.verdicts())

    def verdicts(self) -> list[Verdict]:
        """What has been decided until now."""
        return [judge.verdict for judge in self.judges if judge.verdict]

    def _tick(self, run: Run, on_tick: Callable[[Run], None]) -> None:
        self._news(run.elapsed_s())
        on_tick(run)

    def _end_traffic(self, report: Report) -> None:
        """What must not fire did not while the traffic ran; what must may still come, unless the run was cut."""
        self._traffic_over = True
        self._news(self.run.elapsed_s())
        for judge in self.judges:
            if judge.expectation.firing_s is None:
                judge.finish(self.run.elapsed_s())
        if report.stopped_early:
            self._finish("the run was stopped before")
        elif any(judge.verdict is None for judge in self.judges):
            self._say(f"the traffic is over at {self.run.elapsed_s():.1f} s; waiting for the alerts")

    def _finish(self, why: str) -> None:
        for judge in self.judges:
            judge.finish(self.run.elapsed_s(), why)

    def _news(self, now_s: float) -> None:
        """Announce what has begun and what has been decided since the last time."""
        for window in self.scenario.windows():
            if window.start_s <= now_s and window not in self._announced:
                self._announced.add(window)
                self._say(f"{window.start_s:.1f} s: {window.kind} {window.name} begins")
        for judge in self.judges:
            if judge.verdict and judge not in self._announced:
                self._announced.add(judge)
                self._say(describe(judge.verdict))


def _span(window: Window) -> tuple[float, float]:
    return window.start_s, math.inf if window.end_s is None else window.end_s
