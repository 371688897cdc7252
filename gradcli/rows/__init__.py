"""Formulas of the rows of data: which are computed row by row, and sums over rows in one pass."""
