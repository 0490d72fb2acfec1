"""An analysis as one HTML file."""

import base64

from exporter.releases.bulk.reading import Input
from exporter.releases.compare.settings import Settings
from exporter.releases.render.text import alert_text, code_table, verdict
from exporter.releases.report import Analysis
from foundation.page import render


def as_html(analysis: Analysis, source: Input, settings: Settings, picture: bytes) -> str:
    """One self-contained page. `picture` is the heatmap, PNG."""
    shown = [f for f in analysis.alerts if f.alert.detector != "mean-threshold"]
    return render(
        "exporter.releases",
        "report.html",
        verdict=list(verdict(analysis, source, settings)),
        picture=base64.b64encode(picture).decode(),
        codes=code_table(analysis),
        alerts=[alert_text(found) for found in shown],
        left_out=len(analysis.alerts) - len(shown),
    )
