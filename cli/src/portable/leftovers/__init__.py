"""What a teardown leaves in the account: found, and removed on demand."""
