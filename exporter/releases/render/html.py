"""An analysis as one HTML file."""

import base64

from exporter.releases.render.text import alert_text, code_table, verdict
from exporter.releases.report import Report
from foundation.page import render


def as_html(report: Report, picture: bytes) -> str:
    """One self-contained page. `picture` is the heatmap, PNG."""
    analysis = report.analysis
    shown = [f for f in analysis.alerts if f.alert.detector != "mean-threshold"]
    return render(
        "exporter.releases",
        "report.html",
        verdict=list(verdict(report)),
        picture=base64.b64encode(picture).decode(),
        codes=code_table(analysis),
        alerts=[alert_text(found) for found in shown],
        left_out=len(analysis.alerts) - len(shown),
    )
