"""The small canary in numpy: whole arrays, no gate."""

import math

import canary
import numpy

# The fastest of 10,000 to a million: the arrays stay in the cache.
BLOCK = 10_000


def requests():
    """Every request draws a gap, a version, a latency and an error; a histogram counts them."""
    rng = numpy.random.default_rng(canary.SEED)
    _, median, sigma = canary.STABLE
    errors = numpy.array([canary.STABLE[0], canary.CANARY[0]])
    # The logarithm of a lognormal latency is normal, so its draw is the bucket but for a scale.
    scale = canary.BUCKETS / math.log(canary.HIGHEST / canary.LOWEST)
    centre = math.log(median / canary.LOWEST) * scale
    cells = numpy.zeros(2 * 2 * canary.BUCKETS, dtype=numpy.int64)
    clock = 0.0

    def play():
        nonlocal clock
        times = rng.standard_exponential(BLOCK)
        numpy.cumsum(times, out=times)
        clock += times[-1]
        cell = (rng.random(BLOCK) < canary.SHARE).astype(numpy.int64)
        failed = rng.random(BLOCK) < errors[cell]
        cell *= 2
        cell += failed
        bucket = rng.standard_normal(BLOCK)
        bucket *= sigma * scale
        bucket += centre
        numpy.clip(bucket, 0, canary.BUCKETS - 1, out=bucket)
        cell *= canary.BUCKETS
        cell += bucket.astype(numpy.int64)
        cells[:] += numpy.bincount(cell, minlength=len(cells))
        return BLOCK

    return play


def counts(per_interval):
    """A rollout: Poisson counts by interval, version and latency bucket, in one call."""

    def prepare():
        rng = numpy.random.default_rng(canary.SEED)
        steps = numpy.repeat(canary.LADDER, canary.INTERVALS // len(canary.LADDER))
        shares = numpy.stack([1 - steps, steps], axis=1)
        latency = numpy.array([bucket_shares(v) for v in (canary.STABLE, canary.CANARY)])
        means = per_interval * shares[:, :, None] * latency[None, :, :]
        assert abs(means.sum() / (per_interval * canary.INTERVALS) - 1) < 1e-9

        def play():
            rng.poisson(means)
            return 1

        return play

    return prepare


def bucket_shares(version):
    """Share of a version's requests in each latency bucket."""
    _, median, sigma = version
    edges = numpy.geomspace(canary.LOWEST, canary.HIGHEST, canary.BUCKETS + 1)
    below = [0.5 * (1 + math.erf(math.log(e / median) / sigma / math.sqrt(2))) for e in edges]
    below[0], below[-1] = 0.0, 1.0
    return numpy.diff(below)


canary.tell(
    {
        "numpy-requests": ("requests/s", requests),
        "numpy-counts-600": ("rollouts/s", counts(600)),
        "numpy-counts-6000": ("rollouts/s", counts(6_000)),
        "numpy-counts-60000": ("rollouts/s", counts(60_000)),
    }
)
