"""What a run comes to: figures, limits, and how they are written: text, JSON, HTML; and the picture of a plan."""
