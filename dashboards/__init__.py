"""Dashboards as code, their Grafana provisioning, and a preview page for machines without Grafana."""
