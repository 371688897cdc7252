"""Certain digits: how far rounding may have led a value away, and the value worked out anew."""
