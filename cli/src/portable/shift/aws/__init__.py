"""What `shift` asks AWS, and nothing else of it does."""
