"""`ignore:` of an access log: rules for requests that are not counted as such. Pure.

A rule has conditions on fields of the line, all of which must hold: the text itself or, where it has signs of one, a
regex that is searched for. Regexes are RE2's, whose time is linear in the length of the text, whatever a client sends.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from exporter.accesslog.columns import Column
from exporter.accesslog.parse.columnar_rows import quoted
from exporter.accesslog.tally import COUNT, Key, Tally, added
from exporter.regexes.texts import is_regex
from foundation import re2

NAME = "name"
"""The key of a rule that is not a field."""
MOST_RULES = 100
MOST_NAME_CHARS = 100

Setting: TypeAlias = dict[str, str | int]
"""A rule as the configuration has it: fields to texts, and perhaps its name."""


class Rule(NamedTuple):
    """name: under which its requests are counted; conditions: a field, and the place of its text in `Ignore.texts`."""

    name: str
    conditions: tuple[tuple[str, int], ...]


class Ignore:
    """The rules of one source.

    Attributes:
        names: of the rules, each once, in their order.
        texts: by field, in the order of the rules.
        columns: one for each field: which of its texts hold.
    """

    def __init__(self, settings: Sequence[Setting]) -> None:
        """Raises ValueError for invalid rules."""
        if len(settings) > MOST_RULES:
            raise ValueError(f"ignore: {len(settings)} rules; expected at most {MOST_RULES}")
        self.texts: dict[str, list[str]] = {}
        self._rules = [self._rule(setting, f"ignore[{number}]") for number, setting in enumerate(settings)]
        self.names = tuple(dict.fromkeys(rule.name for rule in self._rules))
        self.columns = [
            Column(field, conditions(texts, f"ignore: {field}"), _sql(texts)) for field, texts in self.texts.items()
        ]

    def _rule(self, setting: Setting, where: str) -> Rule:
        fields = {field: str(text) for field, text in setting.items() if field != NAME}
        if not fields:
            raise ValueError(f"{where}: expected a field and its text, for example {{path: /healthz}}")
        name = str(setting.get(NAME, ",".join(f"{field}={text}" for field, text in fields.items())))
        if not name or len(name) > MOST_NAME_CHARS or not name.isprintable():
            raise ValueError(f"{where}: expected a name of 1 to {MOST_NAME_CHARS} characters, for example name: probes")
        found = []
        for field, text in fields.items():
            if not text or not text.isprintable():
                raise ValueError(f"{where}: {field}: expected a text or a regex, for example /healthz or ^/health")
            texts = self.texts.setdefault(field, [])
            if text not in texts:
                texts.append(text)
            found.append((field, texts.index(text)))
        return Rule(name, tuple(found))

    def take(self, tally: Tally) -> None:
        """Take the requests that a rule takes out of the hits, whose keys end with the values of the fields.

        The keys of the others lose these.
        """
        width = len(self.texts)
        fields, known = tuple(self.texts), dict[tuple[bytes, ...], str | None]()
        hits: dict[Key, list[int]] = {}
        for whole, numbers in tally.hits.items():
            key, held = whole[:-width], whole[-width:]
            if any(held):
                if held not in known:
                    known[held] = self.rule_of(dict(zip(fields, held, strict=True)))
                if (rule := known[held]) is not None:
                    tally.ignored[rule] = tally.ignored.get(rule, 0) + numbers[COUNT]
                    continue
            so_far = hits.get(key)
            hits[key] = numbers if so_far is None else added(so_far, numbers)
        tally.hits = hits

    def rule_of(self, holding: Mapping[str, bytes]) -> str | None:
        """The name of the first rule whose conditions all hold; `holding`: the values of the fields (`conditions`)."""
        held = {field: frozenset(value.split()) for field, value in holding.items()}
        for rule in self._rules:
            if all(b"%d" % at in held[field] for field, at in rule.conditions):
                return rule.name
        return None


def conditions(texts: Sequence[str], where: str) -> Callable[[Sequence[str]], list[str]]:
    """Which of the texts and regexes hold for values: their numbers with blanks between them.

    Raises ValueError for an invalid regex.
    """
    exact = {text: str(number) for number, text in enumerate(texts) if not is_regex(text)}
    searches = [(str(number), _search(text, where)) for number, text in enumerate(texts) if is_regex(text)]

    def held(value: str) -> str:
        """Numbers of the conditions that the value meets, separated by blanks."""
        found = [number for number, search in searches if search(value)]
        if value in exact:
            found.append(exact[value])
        return " ".join(found)

    return lambda values: list(map(held, values))


def _search(regex: str, where: str) -> Callable[[str], object]:
    try:
        return re2.compiled(regex).search
    except ValueError as exc:
        raise ValueError(
            f"{where}: invalid regex {regex!r}: {exc}; regexes are RE2's, without lookaround and back-references"
        ) from exc


_UNICODE = re.compile(r"\\[pP]")
"""Of classes that a newer Unicode changes."""


def _sql(texts: Sequence[str]) -> Callable[[str], str] | None:
    """As `conditions`, an expression of DuckDB, which has RE2 too; None where its Unicode matters, which is older."""
    if not all(text.isascii() and not _UNICODE.search(text) for text in texts if is_regex(text)):
        return None
    exact = [f"WHEN '{quoted(text)}' THEN '{number}'" for number, text in enumerate(texts) if not is_regex(text)]
    regexes = [(number, quoted(text)) for number, text in enumerate(texts) if is_regex(text)]

    def expression(value: str) -> str:
        """SQL for the numbers of the conditions that a value meets, as `held` has them."""
        found = [
            f"CASE WHEN regexp_matches({value}, '{text}') THEN '{number} ' ELSE '' END" for number, text in regexes
        ]
        if exact:
            found.append(f"CASE {value} {' '.join(exact)} ELSE '' END")
        return f"rtrim(concat({', '.join(found)}))"

    return expression
