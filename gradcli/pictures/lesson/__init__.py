"""A run as a lesson: both passes, frame by frame, as one page that needs nothing else."""
