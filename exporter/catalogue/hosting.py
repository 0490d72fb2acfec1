"""Metrics of the hosting system."""
