"""Bar 4: whether the split is what was asked for.

Twenty times ten thousand requests, one after another, at 95/5, and who answered each. NGINX's and
HAProxy's round robins are exact and no lot; HAProxy's `random` is biased, and the library's own check
of the ratio has to say so.
"""

import math
from contextlib import ExitStack

import programs
from measuring import progress, run

BARS = {"4": "split accuracy"}
SERIES, REQUESTS, SHARE = 20, 10_000, 0.05
# Both tests together call a good splitter bad in two of a thousand runs.
LEVEL = 0.001


def measure(report, rounds, seconds):
    """Always all twenty series: the tests are meant for them."""
    report.title(f"split of {SERIES} x {REQUESTS:,} requests at 95/5, one after another (bar 4)")
    makers = {
        "coalmine random": lambda ports: programs.OurSplitter(ports, policy="random"),
        "coalmine even": lambda ports: programs.OurSplitter(ports, policy="even"),
        "nginx weights": programs.NginxSplitter,
        "haproxy roundrobin": programs.HaproxySplitter,
        "haproxy random": lambda ports: programs.HaproxySplitter(ports, balance="random(1)"),
    }
    orders = {}
    with ExitStack() as stack:
        ports = [stack.enter_context(programs.raw_server(name)).port for name in ("stable", "canary")]
        for name, make in makers.items():
            with make(ports) as splitter:
                orders[name] = [ask(splitter, f"{name} {index}") for index in range(SERIES)]
        # The same again: it starts anew from the same seed.
        with makers["coalmine random"](ports) as splitter:
            again = ask(splitter, "coalmine random, again")
    for name, series in orders.items():
        tell(report, name, series)
    judge(report, orders, again)


def ask(splitter, shown):
    progress(shown)
    command = [programs.ours("raw"), "order", "--port", splitter.port, "--requests", REQUESTS]
    told = run(command)[0].strip()
    progress("")
    return told


def counts_of(series):
    return [order.count("c") for order in series]


def tell(report, name, series):
    counts = counts_of(series)
    mean = sum(counts) / SERIES
    report.note(
        f"{name:<20} canary {mean:.1f} ({min(counts)}..{max(counts)}) of {REQUESTS:,}, "
        f"χ² {chi_square(counts):.1f} of {SERIES}, p of the share {share_p(counts):.2g}, "
        f"p of the dispersion {dispersion_p(counts):.2g}, lost {lost(series)}"
    )


def judge(report, orders, again):
    random, even = counts_of(orders["coalmine random"]), counts_of(orders["coalmine even"])
    ours = orders["coalmine random"] + orders["coalmine even"] + [again]
    report.check("4", "no request lost", lost(ours) == 0)
    p = share_p(random)
    report.check("4", "random: the share", p >= LEVEL, f"p {p:.3g}")
    p = upper(chi_square(random), SERIES)
    report.check("4", "random: χ² of the counts", p >= LEVEL, f"p {p:.3g}")
    p = dispersion_p(random)
    report.check("4", "random: dispersion as by lot", p >= LEVEL, f"p {p:.3g}")
    p = neighbours_p(orders["coalmine random"])
    report.check("4", "random: neighbours do not know each other", p >= LEVEL, f"p {p:.3g}")
    off = max(abs(count - SHARE * REQUESTS) for count in even)
    report.check("4", "even: within one request", off <= 1, f"off by {off:g} at most")
    report.check("4", "the order comes again from the seed", again == orders["coalmine random"][0])
    for name, biased in (("haproxy random", True), ("coalmine random", False)):
        counts = counts_of(orders[name])
        flagged = library_flags(sum(counts))
        wanted = "says that" if biased else "does not say that"
        report.check("4", f"the library {wanted} {name} is biased", flagged == biased)


def library_flags(canary):
    """Whether the library's own check of the ratio calls so many of all requests a mismatch."""
    stable = SERIES * REQUESTS - canary
    told = run([programs.ours("live"), "ratio", stable, canary, "--weight", SHARE * 100])[0]
    return told.split()[0] == "mismatch"


def lost(series):
    return sum(len(order) - order.count("s") - order.count("c") for order in series)


def chi_square(counts):
    expected, variance = REQUESTS * SHARE, REQUESTS * SHARE * (1 - SHARE)
    return sum((count - expected) ** 2 / variance for count in counts)


def share_p(counts):
    """Two-sided, of the canary's share of all requests."""
    whole = SERIES * REQUESTS
    deviation = (sum(counts) - whole * SHARE) / math.sqrt(whole * SHARE * (1 - SHARE))
    return math.erfc(abs(deviation) / math.sqrt(2))


def dispersion_p(counts):
    """Two-sided, of the counts' variance about their own mean: a round robin has none."""
    mean = sum(counts) / SERIES
    variance = mean * (1 - mean / REQUESTS)
    if variance == 0:
        return 0.0
    over = upper(sum((count - mean) ** 2 for count in counts) / variance, SERIES - 1)
    return 2 * min(over, 1 - over)


def neighbours_p(series):
    """Two-sided, of how often two canary requests follow one another."""
    pairs = sum(order[i : i + 2] == "cc" for order in series for i in range(len(order) - 1))
    count = SERIES * (REQUESTS - 1)
    # Overlapping pairs: the variance of a count of successes that share a request.
    square = SHARE**2
    variance = count * (square * (1 - square) + 2 * (SHARE**3 - square**2))
    return math.erfc(abs(pairs - count * square) / math.sqrt(2 * variance))


def upper(chi, freedom):
    """How probable a χ² so great is: the upper incomplete gamma function, by its series."""
    a, x = freedom / 2, chi / 2
    if x <= 0:
        return 1.0
    term = total = 1 / a
    n = 0
    while term > total * 1e-15:
        n += 1
        term *= x / (a + n)
        total += term
    return max(0.0, 1 - total * math.exp(-x + a * math.log(x) - math.lgamma(a)))
