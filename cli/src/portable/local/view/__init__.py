"""What a local run shows."""
