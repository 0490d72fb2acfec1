"""The results of a run: figures, limits, and their output as text, JSON and HTML; and the picture of a plan."""
