"""Bar 9: whether the reported latencies are what happened, while something stands still.

At 1,000 requests a second for five seconds, either the server is stopped for a second, or the
generator for half a second, or the server for a second while only eight connections may wait to be
accepted. The truth is computed from the server's stamps: the n-th arrival less the n-th instant of the
schedule. Quantiles are those of first come, first served; the mean is the truth in whatever order
requests were sent. A figure is right within 3 %, or a millisecond.
"""

import json
import signal
import statistics
import time

import programs
from measuring import Client, Figures, Turn, turns

BARS = {"9": "honesty"}
RATE, SECONDS, CONNECTIONS, SETTLED = 1_000, 5, 64, 2.0
WITHIN, FLOOR_US = 0.03, 1_000
QUANTILES = ("p50", "p90", "p99")
TOLD = ("mean", *QUANTILES)

# Who is stopped for how many seconds, and how many connections may wait to be accepted.
SITUATIONS = {
    "server stopped": ("server", 1.0, 4096),
    "generator stopped": ("generator", 0.5, 4096),
    "accept queue full": ("server", 1.0, 8),
}


def measure(report, rounds, seconds):
    """Always five seconds: by the schedule alone it is known what they bring."""
    report.title(f"honesty at {RATE:,} requests a second, {SECONDS} s (bar 9)")
    tools = {
        "coalmine": lambda port: programs.load(port, CONNECTIONS, SECONDS, RATE, "exact"),
        "oha": lambda port: programs.oha_command(port, CONNECTIONS, SECONDS, "-q", RATE),
        "oha corrected": lambda port: programs.oha_command(
            port, CONNECTIONS, SECONDS, "-q", RATE, "--latency-correction"
        ),
    }
    for situation in SITUATIONS:
        figures = Figures(rounds)
        marked = []
        for number, name in turns(rounds, list(tools)):
            truth, told, turn = play(tools[name], name, *SITUATIONS[situation])
            values = {f"{name} {what}": told["latency_us"][what] for what in TOLD}
            values |= {f"{name} {what} true": truth[what] for what in TOLD}
            errors = {what: error(told["latency_us"][what], truth[what]) for what in TOLD}
            values[f"{name} mean off"] = errors.pop("mean")
            values[f"{name} quantiles off"] = max(errors.values())
            figures.add(number, turn, **values)
            if name == "coalmine":
                marked.append(told["late"])
        tell(report, figures, situation, list(tools))
        for what in ("mean", "quantiles"):
            off = figures.round(f"coalmine {what} off")
            name = f"{situation}: {what}, off by"
            report.bar("9", name, figures, off, at_most=WITHIN, show="{:.1%}".format)
        if situation == "generator stopped":
            told = f"in {sum(marked)} of {rounds} rounds"
            report.check("9", "says that the generator was late", all(marked), told)


def play(command, name, who, length, backlog):
    """The truth in microseconds, what was told, and the turn."""
    with programs.sink(RATE, backlog=backlog) as server:
        with Turn([server]) as turn:
            client = Client(command(server.port))
            time.sleep(SETTLED)
            stopped = server if who == "server" else client
            stopped.signal(signal.SIGSTOP)
            try:
                time.sleep(length)
            finally:
                stopped.signal(signal.SIGCONT)
            out = client.wait(may_fail=True)
        seen = json.loads(server.stop())
    understand = programs.understand_load if name == "coalmine" else programs.understand_oha
    return seen["behind_us"], understand(out, client), turn


def error(told, truth):
    """As a share of the truth, or of so much that a millisecond is within the bound."""
    return abs(told - truth) / max(truth, FLOOR_US / WITHIN)


def tell(report, figures, situation, names):
    _, length, _ = SITUATIONS[situation]
    expected = []
    for share in (0.9, 0.99):
        above = RATE * SECONDS * (1 - share)
        after = max(0.0, (RATE * length - above) / RATE)
        expected.append(f"p{share * 100:g} {after * 1e3:.0f} ms")
    report.note(f"{situation}; by the schedule alone {', '.join(expected)}; reported (true), ms:")
    for name in names:
        told = [
            f"{what} {middle(figures, f'{name} {what}')} ({middle(figures, f'{name} {what} true')})"
            for what in TOLD
        ]
        report.note(f"  {name:<14} {', '.join(told)}")
    report.others(figures)


def middle(figures, name):
    values = figures.quiet(figures.round(name))
    return f"{statistics.median(values) / 1e3:.1f}" if values else "withheld"
