"""The formats of a report, by name."""

from zoneinfo import ZoneInfo

from exporter.hosting.batch import Findings
from exporter.hosting.render import customer, html, text
from foundation.jsontext import json_text


def whole(findings: Findings, kind: str, *, raw: bool) -> bytes:
    """The report of all customers: html, csv, json or text. `raw`: in CSV, names as they came."""
    report = findings.report
    if kind == "html":
        made = html.to_html(findings)
    elif kind == "csv":
        made = text.to_csv(report, raw=raw)
    elif kind == "json":
        made = text.to_json(report)
    else:
        made = text.to_text(report, findings.contract.plans)
    return made.encode()


def document(findings: Findings, account: int, whom: tuple[ZoneInfo, str], kind: str) -> bytes:
    """One customer's own document, html or pdf, for a reader in a zone and with a language. Raises ConfigError."""
    made = customer.statement(findings, account, customer.reader(*whom))
    return customer.to_pdf(made) if kind == "pdf" else customer.to_html(made).encode()


def outages(findings: Findings, *, as_json: bool, raw: bool) -> bytes:
    """The outages of all customers, as JSON or CSV."""
    report = findings.report
    return (json_text(report.outages, indent=2) + "\n" if as_json else text.outages_csv(report, raw=raw)).encode()
