"""Feeds for the systems other than website traffic, each with its own truth."""
