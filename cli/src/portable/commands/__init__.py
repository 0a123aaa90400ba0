"""One file per command. Each imports what it runs only when it runs."""
