"""The target group of type `lambda`, and the sandboxes behind it."""
