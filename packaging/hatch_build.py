"""hatchling's hook: the man pages go into the wheel where `make dist` has made them; elsewhere it has none.

They are made from the commands, so with all that these import, which no build of a wheel should have to install.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManPages(BuildHookInterface[Any]):
    """Puts build/man/*.1 below share/man."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the pages; `version` is "editable" for an installation that shows a clone."""
        pages = (Path(self.root) / "build" / "man").glob("*.1")
        if self.target_name == "wheel" and version != "editable":
            build_data["shared_data"] |= {str(page): f"share/man/man1/{page.name}" for page in pages}
