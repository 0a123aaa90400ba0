"""The developer's command line: runs, checks and operates the portable backend. Not in the image."""
