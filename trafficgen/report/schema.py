"""The JSON Schema of the JSON report, made of its structs: `python -m trafficgen.report.schema` prints it.

Every field of a report is always there. Readers must pass over fields that they do not know: new ones do not raise
`SCHEMA_VERSION`.
"""

import json
import sys
from typing import Any

import msgspec

from trafficgen.report.report import SCHEMA_VERSION, Report

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def report_schema() -> dict[str, Any]:
    """A schema in the dialect of 2020-12."""
    schema = msgspec.json.schema(Report)
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["required"] = list(definition["properties"])  # defaults are written, too
    schema["$defs"]["Report"]["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {"$schema": DIALECT, "title": "The report of trafficgen", **schema}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report_schema(), indent=2) + "\n")
