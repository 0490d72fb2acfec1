"""What envelopes hold, and the loose ones; the certain ones are in `formats.envelope`."""
