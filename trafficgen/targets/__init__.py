"""Requests that differ: files of targets with templates, and the values that are drawn for them."""
