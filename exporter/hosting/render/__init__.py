"""The SLA report as text, as an HTML page, and its pictures."""
