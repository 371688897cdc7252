"""Errors of results: what the errors of names, or of fitted parameters, make of them."""
