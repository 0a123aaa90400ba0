"""What can be known to fail before a deployment."""
