"""The stack of data/template.yaml in the local run."""
