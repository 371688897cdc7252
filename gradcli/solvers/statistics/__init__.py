"""What a fit says about its parameters: deviations, intervals, correlations, information."""
