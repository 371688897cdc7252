"""The formula as data."""
