"""The detectors' names, apart from their statistics, which are slow to import."""

DETECTORS = ("mean-threshold", "evidence", "onset")
