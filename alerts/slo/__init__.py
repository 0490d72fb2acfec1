"""Service levels as data: `alerts/slo.yml` to rules and panels, and to and from OpenSLO documents.

objective (model) -> PromQL of events and bad events (indicators) -> recordings and alerts (rules), rules/slo.yml
"""
