"""Runs of several phases that name the alerts they must raise: read, driven, watched, judged."""
