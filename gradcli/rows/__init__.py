"""Formulas over the rows of data."""
