"""What the manifests say, and whether they agree."""
