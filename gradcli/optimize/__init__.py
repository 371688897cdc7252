"""Numbers to a minimum."""
