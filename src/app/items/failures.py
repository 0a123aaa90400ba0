"""What may go wrong with the items."""


class Unavailable(Exception):
    """AWS does not do what was asked for; the sentence names the resource, and no secret."""


class Exists(Exception):
    """There is an item of this id."""
