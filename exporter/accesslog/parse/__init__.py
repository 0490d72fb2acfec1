"""Text to tallies: the two engines, and the reader that chooses between them."""
