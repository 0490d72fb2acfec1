"""What was sent and answered: counters and histograms, whose fault lateness is, and the metrics made of them."""
