"""What was sent and answered: counters and histograms, the causes of lateness, and the metrics made of them."""
