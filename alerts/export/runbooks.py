"""The runbooks of the exported alerts as one page, to be published. Pure."""

import re
from collections.abc import Collection

from alerts.page import runbooks_page

RUNBOOKS_FILE = "runbooks.html"


def page(text: str, alerts: Collection[str]) -> str:
    """Of docs/alerts.md (`text`) the sections of these alerts, below their headings, and those that they refer to."""
    parts = re.split(r"^(##|###) (.+)\n", text, flags=re.MULTILINE)
    sections = list(zip(parts[1::3], parts[2::3], parts[3::3], strict=True))
    runbooks = "".join(below for _, title, below in sections if title in alerts)
    wanted = {*alerts, *re.findall(r'\bsee "([^"]+)"', runbooks)}
    chosen, heading = ["# Runbooks\n\n"], ""
    for marks, title, below in sections:
        if marks == "##":
            heading = f"## {title}\n\n"
        if title in wanted:
            chosen += [heading if marks == "###" else "", f"{marks} {title}\n", below]
            heading = ""
    return runbooks_page("".join(chosen))
