"""Which side answers how many of the requests, and whether that fits the weights."""
