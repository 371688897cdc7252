"""What is plotted: curves, contours, the trajectory of a minimisation, a fit with its band."""
