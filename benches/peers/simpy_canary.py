"""The small canary in SimPy: one process for each request, a pool of servers for each version, and
a gate that looks at the canary's success ratio once a minute."""

import bisect
import math
import random

import canary
import simpy

RATE = 100.0  # requests per second: keeps stable's servers two thirds busy
SERVERS = 8
MINUTES = 10
LIMIT = 0.99
FAILURES = 5

EDGES = [
    canary.LOWEST * (canary.HIGHEST / canary.LOWEST) ** (i / canary.BUCKETS)
    for i in range(1, canary.BUCKETS)
]


class Version:
    """One version: its pool, how it answers, and what it has answered so far."""

    def __init__(self, env, behaviour):
        self.errors, median, self.sigma = behaviour
        self.mu = math.log(median)
        self.pool = simpy.Resource(env, SERVERS)
        self.requests = self.failed = 0
        self.histogram = [0] * canary.BUCKETS


def answer(env, version, rng):
    came = env.now
    with version.pool.request() as turn:
        yield turn
        yield env.timeout(rng.lognormvariate(version.mu, version.sigma))
    version.requests += 1
    version.failed += rng.random() < version.errors
    version.histogram[bisect.bisect(EDGES, env.now - came)] += 1


def arrivals(env, stable, canary_version, rng):
    while True:
        yield env.timeout(rng.expovariate(RATE))
        version = canary_version if rng.random() < canary.SHARE else stable
        env.process(answer(env, version, rng))


def gate(env, version):
    """Ends with True when the canary has failed often enough, with False at the horizon."""
    failures = requests = failed = 0
    for _ in range(MINUTES):
        yield env.timeout(60)
        window, bad = version.requests - requests, version.failed - failed
        requests, failed = version.requests, version.failed
        failures += window > 0 and 1 - bad / window < LIMIT
        if failures >= FAILURES:
            return True
    return False


def rollouts():
    """One rollout after another; counts their requests."""
    rng = random.Random(canary.SEED)

    def play():
        env = simpy.Environment()
        stable, new = Version(env, canary.STABLE), Version(env, canary.CANARY)
        env.process(arrivals(env, stable, new, rng))
        env.run(until=env.process(gate(env, new)))
        return stable.requests + new.requests

    return play


canary.tell({"simpy-requests": ("requests/s", rollouts)})
