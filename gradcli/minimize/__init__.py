"""Formulas with starts and data to minima, fits and trained parameters."""
