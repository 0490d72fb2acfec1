"""Counts of two builds to a judgement: statistics, detectors, and whether a build is present."""
