"""Formulas over ranges of numbers and over the rows of files."""
