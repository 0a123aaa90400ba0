"""How much the random tests try, and from where: set by the environment to repeat a run."""

import os
import random

SEED = int(os.environ.get("PARITY_SEED") or random.randrange(2**32))
EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "200"))  # of each random test
