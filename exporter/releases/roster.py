"""The builds and codes of a stream: known ones, those beyond limits, the baseline, those that have gone. Pure.

A stream may run for months, so its builds come and go. One that has been gone for long is not compared any more, and
makes room for a new one if necessary.
"""

from collections.abc import Callable, Sequence

from exporter.releases.compare.settings import choose_baseline
from exporter.releases.state import OTHER_BUILD, OTHER_CODE, Limits, StreamState


class Roster:
    """The roster of one stream; its data is in the stream's state.

    places: of each code that is compared, its column.
    """

    def __init__(self, state: StreamState, limits: Limits, named: str | None, forget: Callable[[], None]) -> None:
        """`named`: the user's baseline. `forget` is called when the baseline changes: comparisons start again."""
        self._state = state
        self._limits = limits
        self._named = named
        self._forget = forget
        self._expected: frozenset[str] = frozenset()
        self.places = {code: place for place, code in enumerate(state.codes)}

    def expect(self, builds: Sequence[str], codes: Sequence[str]) -> None:
        """Builds and codes that are known beforehand: created at 0, and never counted as `other`."""
        self._expected = frozenset(builds)
        for build in builds:
            self._state.totals.setdefault(build, dict.fromkeys(self._state.codes, 0))
            self._state.first_s.setdefault(build, 0)
        for code in codes:
            self._know(code)
        self.choose_baseline()

    def fold(self, build: str, code: str, count: int) -> tuple[str, str]:
        """The build and code under which a number of records is counted."""
        state, totals = self._state, self._state.totals
        if build not in totals:
            if len(totals) >= self._limits.max_builds and not self._make_room():
                state.folded["build"] = state.folded.get("build", 0) + count
                build = OTHER_BUILD
            if build not in totals:
                totals[build] = dict.fromkeys(state.codes, 0)
                self.choose_baseline()
        if code not in self.places:
            if len(self.places) >= self._limits.max_codes:
                state.folded["code"] = state.folded.get("code", 0) + count
                return build, OTHER_CODE
            self._know(code)
        return build, code

    def candidates(self) -> list[str]:
        """The builds compared with the baseline."""
        apart = (self._state.baseline, OTHER_BUILD, *self._state.retired)
        return [build for build in self._state.totals if build not in apart]

    def there(self, build: str, start_s: int) -> bool:
        """Whether a build was present for a whole bin; one in the stream's first bin was present before."""
        first_s, began_s = self._state.first_s.get(build), self._state.began_s
        return first_s is not None and (first_s <= start_s or (began_s is not None and first_s < began_s))

    def choose_baseline(self) -> None:
        """Keep the baseline up to date."""
        state = self._state
        builds = [build for build in state.totals if build not in (OTHER_BUILD, *state.retired)]
        named = self._named
        chosen = choose_baseline(builds) if named is None else named if named in state.totals else None
        if chosen != state.baseline:
            state.baseline = chosen
            self._forget()

    def retire(self, bins: int) -> list[str]:
        """The builds that are not compared from now on, because they have been gone for long; some may return."""
        state = self._state
        old = {build for build, presence in state.presence.items() if presence.gone and presence.quiet >= bins}
        if old == set(state.retired):
            return []
        new = sorted(old.difference(state.retired))
        state.retired = [build for build in state.retired if build in old] + new
        self.choose_baseline()
        return new

    def _know(self, code: str) -> None:
        if code not in self.places:
            self.places[code] = len(self._state.codes)
            self._state.codes.append(code)
        for totals in self._state.totals.values():
            totals.setdefault(code, 0)

    def _make_room(self) -> bool:
        """Drop the build that retired first, with its counts. Returns whether there was one."""
        state = self._state
        build = next((one for one in state.retired if one not in (*self._expected, self._named)), None)
        if build is None:
            return False
        state.retired.remove(build)
        for kept in (state.totals, state.first_s, state.last_s, state.listening, state.presence):
            kept.pop(build, None)
        state.transitions = {key: count for key, count in state.transitions.items() if key[0] != build}
        return True
