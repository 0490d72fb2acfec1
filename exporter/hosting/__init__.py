"""The hosting system."""
