"""The small canary that every peer plays, and how a peer's speed is taken.

A peer is a file that names its cases and ends with `canary.tell(CASES)`. Called with case names it
prints one line `name value unit` for each; called with `--list` it prints the names.
"""

import math
import sys
import time

SEED = 20260401

# Stable and canary, as (error ratio, median latency in seconds, sigma of its logarithm).
# The sigma puts the 99th percentile at 250 ms.
SIGMA = math.log(250 / 40) / 2.3263478740408408
STABLE = (0.001, 0.040, SIGMA)
CANARY = (0.010, 0.040, SIGMA)

# One version's share of the traffic: held, and as steps of ten intervals each.
SHARE = 0.05
LADDER = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75)
INTERVALS = 60

# The histogram: this many buckets, equally wide in the logarithm from LOWEST to HIGHEST seconds.
BUCKETS = 200
LOWEST, HIGHEST = 0.001, 10.0


def tell(cases):
    """cases: name -> (unit, prepare); prepare() -> play; play() -> how many units it played."""
    if sys.argv[1:] == ["--list"]:
        print("\n".join(cases))
        return
    for name in sys.argv[1:]:
        unit, prepare = cases[name]
        print(f"{name} {per_second(prepare()):.6e} {unit}", flush=True)


def per_second(play):
    """Units per second of processor time, over at least a second after one play to warm up."""
    play()
    played, start = 0, time.process_time()
    while True:
        played += play()
        spent = time.process_time() - start
        if spent >= 1.0:
            return played / spent
