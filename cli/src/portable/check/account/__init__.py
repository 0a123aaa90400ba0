"""What the account says, asked with the user's credentials, which only read."""
