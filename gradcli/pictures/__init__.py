"""Pictures: of graphs, of lessons, of numbers."""
