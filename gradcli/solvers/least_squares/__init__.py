"""Residuals and their Jacobian to steps: sums of squares, plain and robust, linear and not."""
