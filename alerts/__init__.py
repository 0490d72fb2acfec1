"""Prometheus rules, Alertmanager routing and a webhook receiver that shows what was delivered."""
