"""Starts tasks and sandboxes, as processes of this machine or as containers."""
