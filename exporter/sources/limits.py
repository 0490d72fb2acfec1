"""How many files one source may follow."""

from typing import Annotated, TypeAlias

import msgspec

MAX_FILES = 10_000
"""The default: some 50 MiB, so that a careless pattern cannot exhaust the machine."""

MaxFiles: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
