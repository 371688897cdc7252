"""What is plotted: curves, contours, the way of a minimisation, a fit with its band."""
