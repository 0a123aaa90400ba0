"""Security scanners over the whole repository, each in an environment of its own."""
