"""Gradients to steps: the rules of torch.optim, their schedules, many steps at once, and L-BFGS."""
