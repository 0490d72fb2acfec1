"""What goes over the wire for each request of a plan: the same bytes, or rendered with the request's own values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar, overload

from trafficgen.config import LoadConfig
from trafficgen.plan.plan import Plan
from trafficgen.send.request import Encode, Url, Wire, encode
from trafficgen.send.session_state import Live, Place, Render, States
from trafficgen.targets.places import Encoder, in_body, in_header, in_path, whole_path
from trafficgen.targets.read import content_type
from trafficgen.targets.target import Target
from trafficgen.targets.target_set import TargetSet
from trafficgen.targets.template import Captured, Cell, Template
from trafficgen.targets.values import Maker, Tables, base_of, maker

T = TypeVar("T")


class Cyclic(Sequence[T]):
    """Items by numbers without end: `number` is item `number % len`."""

    def __init__(self, items: Sequence[T]) -> None:
        """`items`: at least one."""
        self._items, self._count = items, len(items)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[T]: ...
    def __getitem__(self, number: int | slice) -> T | Sequence[T]:
        """The item of a number."""
        return self._items[number % self._count] if isinstance(number, int) else self._items[number]


class Rendered(Sequence[Wire]):
    """Request n of a kind, by n x kinds + kind."""

    def __init__(self, kinds: Sequence[Wire | Callable[[int], Wire]]) -> None:
        """`kinds`: what is sent, or what makes request n of it."""
        self._kinds, self._count = kinds, len(kinds)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> Wire: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Wire]: ...
    def __getitem__(self, number: int | slice) -> Wire | Sequence[Wire]:
        """The request of a number."""
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._count))]
        request, kind = divmod(number, self._count)
        made = self._kinds[kind]
        return made(request) if callable(made) else made


@dataclass(frozen=True, slots=True)
class Requests:
    """All that a worker sends. `places`, `renders`: of the kinds that are steps of sessions, whose states they take."""

    by_number: Sequence[Wire]
    methods: list[str]  # of each kind
    states: States
    places: dict[int, Place]
    renders: dict[int, Render]


def make_requests(config: LoadConfig, plan: Plan, url: Url, *, encode: Encode = encode) -> Requests:
    """Every request of the plan, as `encode` makes them. Raises ConfigError for a path or header that can't be sent."""
    targets, states = config.targets or TargetSet(), States()
    known = {target.name: target for target, _ in targets.kinds()}
    renderer = _Renderer(config, url, base_of(plan.seed), tables=targets.tables, states=states, encode=encode)
    steps = {step.target.name: (session, at) for session in targets.sessions for at, step in enumerate(session.steps)}
    kinds: list[Wire | Callable[[int], Wire]] = []
    places: dict[int, Place] = {}
    renders: dict[int, Render] = {}
    for number, name in enumerate(plan.requests):
        if name in steps:
            places[number] = Place(*steps[name], name)
            renders[number] = renderer.step(known[name])
            kinds.append(lambda start: states.live[start].request)
        else:
            kinds.append(renderer.kind(known[name]) if name in known else renderer.plain(name))
    by_number = Rendered(kinds) if plan.numbered else [kind for kind in kinds if not callable(kind)]
    methods = [known[name].method if name in known else config.method for name in plan.requests]
    return Requests(by_number, methods, states, places, renders)


class _Renderer:
    """Targets to bytes, or to what renders them."""

    def __init__(
        self, config: LoadConfig, url: Url, base: int, *, tables: Tables, states: States, encode: Encode
    ) -> None:
        self._config, self._url, self._base, self._tables, self._states = config, url, base, tables, states
        self._encode = encode
        self._places: Iterator[int] = count(1)  # of all fields, in the order of the file

    def plain(self, path: str) -> Wire:
        """A request to a path alone, as the flags describe it."""
        config = self._config
        return self._encode(
            self._url,
            path,
            method=config.method,
            headers=config.headers,
            body=config.body,
            keepalive=config.keepalive,
        )

    def kind(self, target: Target) -> Wire | Callable[[int], Wire]:
        """The request of a target, under the headers of the flags."""
        render = self._renders(target)
        return render(0, None) if target.fixed else lambda number: render(number, None)

    def step(self, target: Target) -> Render:
        """The request of a step, with the cookies and values of its session."""
        return self._renders(target)

    def _renders(self, target: Target) -> Callable[[int, Live | None], Wire]:
        own = {name.lower() for name, _ in target.headers}
        common = {name: value for name, value in self._config.headers.items() if name.lower() not in own}
        first: Encoder = whole_path if target.path and isinstance(target.path[0], Cell) else in_path
        path = self._text(target.path, in_path, first)
        headers = [(name, self._text(value, in_header)) for name, value in target.headers]
        body: Callable[[int], bytes] = _same(target.body) if isinstance(target.body, bytes) else self._body(target)
        encode, url, method, keepalive = self._encode, self._url, target.method, self._config.keepalive

        def render(number: int, live: Live | None) -> Wire:
            """Request number `number` as bytes, with the cookies of its session."""
            values, where = common | {name: value(number) for name, value in headers}, path(number)
            if live is not None:
                live.path = where
                _add_cookies(values, live.cookie_header())
            return encode(url, where, method=method, headers=values, body=body(number), keepalive=keepalive)

        return render

    def _body(self, target: Target) -> Callable[[int], bytes]:
        assert isinstance(target.body, tuple)
        text = self._text(target.body, in_body(content_type(target.headers)))
        return lambda number: text(number).encode()

    def _text(self, template: Template, encoder: Encoder, first: Encoder | None = None) -> Maker:
        """What makes the text of a template; its first part may be written in another way."""
        parts = [self._part(part, (first or encoder) if at == 0 else encoder) for at, part in enumerate(template)]
        if len(parts) == 1:
            return parts[0]
        return lambda number: "".join([part(number) for part in parts])

    def _part(self, part: object, encoder: Encoder) -> Maker:
        if isinstance(part, str):
            return lambda _number: part
        states = self._states
        if isinstance(part, Captured):
            name = part.name
            return lambda number: encoder(states.value(number, name))
        make = maker(part, base=self._base, place=next(self._places), tables=self._tables)  # type: ignore[arg-type]
        return lambda number: encoder(make(number))


def _add_cookies(headers: dict[str, str], cookies: str) -> None:
    """Beside those that the target itself gives."""
    if cookies:
        key = next((name for name in headers if name.lower() == "cookie"), "Cookie")
        headers[key] = f"{headers[key]}; {cookies}" if key in headers else cookies


def _same(content: bytes) -> Callable[[int], bytes]:
    return lambda _number: content
