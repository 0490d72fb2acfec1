"""What is known of each session under way, and of the steps that are its requests. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from trafficgen.targets.session import Session, Step, path_matches


@dataclass(slots=True)
class Live:
    """A session under way."""

    at: int = 0  # the number of its step
    request: bytes = b""  # of that step
    path: str = "/"  # of that request
    waiting: bool = False  # for the step to be due, not for an answer
    values: dict[str, str] = field(default_factory=dict)
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)  # by name and path

    def cookie_header(self) -> str:
        """The cookies that go with a request to `path`, those of longer paths first."""
        path = self.path.partition("?")[0]
        mine = sorted((key for key in self.cookies if path_matches(key[1], path)), key=lambda key: -len(key[1]))
        return "; ".join(f"{name}={self.cookies[name, where]}" for name, where in mine)


class States:
    """All sessions under way, by the number of the start in the plan."""

    def __init__(self) -> None:
        self.live: dict[int, Live] = {}

    def value(self, number: int, name: str) -> str:
        """What an earlier step has captured."""
        return self.live[number].values[name]


Render: TypeAlias = Callable[[int, Live], bytes]
"""The request of a step, from the number of its start."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a kind of request is in its session."""

    session: Session
    at: int
    label: str

    @property
    def step(self) -> Step:
        """The step itself."""
        return self.session.steps[self.at]
