"""The releases system."""
