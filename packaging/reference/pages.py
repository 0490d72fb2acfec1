"""Which pages there are, and what makes the text of each."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from alerts.cli import main as alerts_command
from alerts.slo.model import ServiceLevels
from dashboards.cli import main as dashboards_command
from exporter.cli import cli as exporter_command
from exporter.stats.collector.cli import command as collector_command
from exporter.stats.plot.cli import command as plot_command
from exporter.systems import SCHEMA_TITLE, whole_config
from foundation.schema import schema_of
from reference import alerts, commands
from reference.configuration import File, page
from timeserver.cli import command as timeserver_command
from trafficgen.cli import cli as trafficgen_command
from trafficgen.scenario.scenario import ScenarioText
from trafficgen.targets.yaml_form import FileText

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def _schema(kind: type[msgspec.Struct], title: str) -> str:
    text = msgspec.json.format(msgspec.json.encode(schema_of(kind, title)), indent=2)
    return f"{text.decode()}\n"


PROGRAMS = {
    "exporter": exporter_command,
    "timeserver": timeserver_command,
    "trafficgen": trafficgen_command,
    "collector": collector_command,
    "plot": plot_command,
    "python -m alerts": alerts_command,
    "python -m dashboards": dashboards_command,
}

FILES = [
    File("exporter.yml", whole_config(), "every-key.yml"),
    File("slo.yml", ServiceLevels, "every-slo-key.yml"),
    File("Scenarios", ScenarioText, "every-scenario-key.yml"),
    File("Targets", FileText, "every-target-key.yml"),
]

PAGES: Mapping[str, Callable[[], str]] = {
    "alerts.md": alerts.page,
    "commands.md": partial(commands.page, PROGRAMS),
    "configuration.md": partial(page, FILES),
    "exporter.schema.json": partial(_schema, whole_config(), SCHEMA_TITLE),
    "slo.schema.json": partial(_schema, ServiceLevels, "Service levels, from which Tidewatch makes rules and panels"),
    "scenario.schema.json": partial(_schema, ScenarioText, "A scenario of trafficgen"),
    "targets.schema.json": partial(_schema, FileText, "Targets of trafficgen"),
}
