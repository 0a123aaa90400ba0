"""Names and environments of a service: where they stand in its files.

`copier` imports this without the dependencies of the command, so it needs none.
"""
