"""Gradients and curvature to steps: Newton's method, and L-BFGS, which guesses the curvature."""
