"""Graph to picture: steps to boxes and arrows, these to DOT, and DOT to a drawing."""
