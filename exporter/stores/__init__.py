"""The stores system."""
