"""The target group of type `ip`, and the tasks behind it."""
