"""How often the long tests of faults are repeated, each time with another seed."""

import os

REPEATS = int(os.environ.get("FUSELINE_TEST_REPEATS", "1"))
