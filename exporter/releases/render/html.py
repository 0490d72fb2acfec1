"""An analysis as one HTML file."""

import base64
import html

from exporter.releases.bulk.reading import Input
from exporter.releases.compare.settings import Settings
from exporter.releases.render.text import alert_text, code_table, verdict
from exporter.releases.report import Analysis


def as_html(analysis: Analysis, source: Input, settings: Settings, picture: bytes) -> str:
    """One self-contained page. `picture` is the heatmap, PNG."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in verdict(analysis, source, settings))
    shown = [f for f in analysis.alerts if f.alert.detector != "mean-threshold"]
    left_out = len(analysis.alerts) - len(shown)
    alerts = "".join(f"<pre>{html.escape(alert_text(found))}</pre>" for found in shown) or "<p>None.</p>"
    if left_out:
        alerts += f"<p>{left_out} windows of mean-threshold were above its threshold; the text report has them.</p>"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Release report</title><style>'
        "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        "pre{overflow-x:auto}img{max-width:100%}</style><h1>Release report</h1>"
        f"{lines}<h2>Candidate against baseline</h2>"
        f'<img alt="heatmap of error codes over time" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
        f"<h2>Codes</h2><pre>{html.escape(code_table(analysis))}</pre><h2>Alerts</h2>{alerts}</html>\n"
    )
