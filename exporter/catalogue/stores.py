"""Metrics of the stores system."""
