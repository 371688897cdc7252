"""Numbers to a minimum: the loop, what it stops for, and the methods."""
