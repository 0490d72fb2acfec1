"""What is sent when: patterns, jitter and mix, or a recorded log, to requests with due times. No clock, no network."""
