"""An analysis for people and programs: text, JSON, one HTML file, a picture, a terminal that is drawn again."""
