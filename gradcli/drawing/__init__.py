"""Graph to picture."""
