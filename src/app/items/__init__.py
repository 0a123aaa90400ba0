"""Items, kept in the table that both sides share: data/template.yaml."""
