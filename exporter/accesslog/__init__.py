"""The accesslog system."""
