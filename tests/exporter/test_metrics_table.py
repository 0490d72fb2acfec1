"""docs/metrics.md is the table of all metrics: names, types, labels and help as the programs expose them.

After a change: `python tests/exporter/test_metrics_table.py` writes it anew.
"""

from pathlib import Path
from types import SimpleNamespace

from alerts.receiver import Receiver
from exporter.catalogue import every_metric
from foundation.web import WebPolicy
from timeserver.access_log import AccessLog
from timeserver.counters import Counters
from timeserver.log_file import LogFile
from timeserver.pages import TimeserverCollector
from trafficgen.meter.meter import Meter
from trafficgen.meter.metrics import RunCollector, _PolicyCollector

PATH = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
HEAD = """# All metrics

What each program exposes at `/metrics`, beside `process_*`, `python_*` and what the modules of `/probe` define. A test
holds this table to the programs. What the metrics mean is said in the page of each system.
"""
_LABELS_OF_FORMAT = {"le"}


def exporter_rows():
    for metric in every_metric():
        yield metric.name, metric.type, ", ".join(metric.labels), metric.help


def collected_rows(collector):
    """Rows of what prometheus-client collects, whose families know their labels only by their samples."""
    for family in collector.collect():
        labels = {label: None for sample in family.samples for label in sample.labels if label not in _LABELS_OF_FORMAT}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield name, family.type, ", ".join(labels), family.documentation


def run():
    """A run of trafficgen that has counted nothing."""
    return SimpleNamespace(
        seed=1,
        meter=Meter(("/",), sessions=("shop",)),
        phase_names=("phase 1",),
        phase=lambda: "phase 1",
        planned_rate=lambda: 0.0,
        connections=lambda: 0,
    )


def text():
    log = AccessLog(LogFile(Path("unused")), print)
    counters = Counters(log.write, lambda _: b"")
    counters.by_method_and_code["GET", 200] = 1
    programs = {
        "exporter": exporter_rows(),
        "timeserver": collected_rows(TimeserverCollector(counters, log, WebPolicy(), "1")),
        "trafficgen": [*collected_rows(RunCollector(run())), *collected_rows(_PolicyCollector(WebPolicy()))],
        "python -m alerts receiver": collected_rows(
            Receiver(say=print, complain=print, heartbeat_timeout_s=1.0, policy=WebPolicy())
        ),
    }
    parts = [HEAD]
    for program, rows in programs.items():
        parts.append(f"\n## {program}\n\n| metric | type | labels | help |\n|---|---|---|---|\n")
        escaped = sorted((*row[:3], row[3].replace("|", "\\|")) for row in rows)
        parts += [f"| `{name}` | {kind} | {labels} | {told} |\n" for name, kind, labels, told in escaped]
    return "".join(parts)


def test_the_table_of_metrics_is_what_the_programs_expose():
    assert PATH.read_text("utf-8") == text(), f"run python {Path(__file__).name}"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
