"""Gradients to steps: the rules of torch.optim, their schedules, and many steps at once."""
