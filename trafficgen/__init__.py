"""The traffic generator: open-loop load on one absolute plan, and feeds for the other systems."""
