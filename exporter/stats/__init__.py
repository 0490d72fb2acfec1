"""The stats system."""
