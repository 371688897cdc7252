"""Charts: what they hold, and how they are drawn in a file or in characters."""
