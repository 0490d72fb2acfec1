"""Metrics of the releases system."""
