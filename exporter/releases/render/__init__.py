"""The forms of an analysis: text, JSON, one HTML file, a picture, a live terminal."""
