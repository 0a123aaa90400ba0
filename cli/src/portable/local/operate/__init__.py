"""What watches a local run, and changes it while it runs."""
