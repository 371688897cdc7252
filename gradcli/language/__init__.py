"""Text to graph."""
