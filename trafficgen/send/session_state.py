"""What is known of each session under way, and of the steps that are its requests. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from trafficgen.send.request import Wire
from trafficgen.targets.capture import Cookie
from trafficgen.targets.session import Session, Step, default_path, path_matches


@dataclass(slots=True)
class Live:
    """A session under way."""

    at: int = 0  # the number of its step
    request: Wire = b""  # of that step
    path: str = "/"  # of that request
    due_s: float = 0.0  # Unix time when it is due
    waiting: bool = False  # for the step to be due, not for an answer
    values: dict[str, str] = field(default_factory=dict)
    cookies: dict[tuple[str, str], Cookie] = field(default_factory=dict)  # by name and path

    def keep(self, cookie: Cookie, now_s: float) -> None:
        """Take a cookie of the answer to `path`, in place of the one by its name and path; an expired one only deletes.

        now_s: Unix time.
        """
        key = cookie.name, cookie.path or default_path(self.path)
        self.cookies.pop(key, None)
        if cookie.expires_s > now_s:
            self.cookies[key] = cookie

    def cookie_header(self) -> str:
        """The cookies that go with a request to `path` at `due_s`, those of longer paths first."""
        path = self.path.partition("?")[0]
        mine = [key for key, cookie in self.cookies.items() if cookie.expires_s > self.due_s]
        mine = sorted((key for key in mine if path_matches(key[1], path)), key=lambda key: -len(key[1]))
        return "; ".join(f"{key[0]}={self.cookies[key].value}" for key in mine)


class States:
    """All sessions under way, by the number of the start in the plan."""

    def __init__(self) -> None:
        self.live: dict[int, Live] = {}

    def value(self, number: int, name: str) -> str:
        """What an earlier step has captured."""
        return self.live[number].values[name]


Render: TypeAlias = Callable[[int, Live], Wire]
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
