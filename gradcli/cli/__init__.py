"""Words to one call to output."""
