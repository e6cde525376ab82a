"""Bar 9: whether the reported latencies are what happened, while something stands still.

At 1,000 requests a second for five seconds, either the server is stopped for a second, or the
generator for half a second, or the server hangs up on everybody and lets connections wait in a queue
of eight for a second. The truth is computed from the server's stamps: the n-th arrival less the
n-th instant of the schedule. A quantile is right within 3 %, or a millisecond.
"""

import json
import signal
import time

import programs
from measuring import Client, Figures, Turn, turns

BARS = {"9": "honesty"}
RATE, SECONDS, CONNECTIONS, SETTLED = 1_000, 5, 64, 2.0
WITHIN, FLOOR_US = 0.03, 1_000
QUANTILES = ("p50", "p90", "p99")


def measure(report, rounds, seconds):
    """Always five seconds: the truth is known for them."""
    report.title(f"honesty at {RATE:,} requests a second, {SECONDS} s (bar 9)")
    tools = {
        "coalmine": lambda port: programs.load(port, CONNECTIONS, SECONDS, RATE, "exact"),
        "oha": lambda port: programs.oha_command(port, CONNECTIONS, SECONDS, "-q", RATE),
        "oha corrected": lambda port: programs.oha_command(
            port, CONNECTIONS, SECONDS, "-q", RATE, "--latency-correction"
        ),
    }
    for situation, (disturb, backlog, length) in SITUATIONS.items():
        figures = Figures(rounds)
        marked = []
        for number, name in turns(rounds, list(tools)):
            truth, told, late, turn = play(tools[name], name, disturb, backlog)
            values = {f"{name} {q}": told[q] for q in QUANTILES}
            values |= {f"{name} {q} true": truth[q] for q in QUANTILES}
            values[f"{name} error"] = max(error(told[q], truth[q]) for q in QUANTILES)
            figures.add(number, turn, **values)
            if name == "coalmine":
                marked.append(late)
        tell(report, figures, situation, length, list(tools))
        report.bar(
            "9", f"{situation}: error", figures, figures.round("coalmine error"),
            at_most=WITHIN, show="{:.1%}".format,
        )
        if situation == "generator stopped":
            told = f"in {sum(marked)} of {rounds} rounds"
            report.check("9", "says that the generator was late", all(marked), told)


def stop_server(server, client):
    server.signal(signal.SIGSTOP)
    try:
        time.sleep(1.0)
    finally:
        server.signal(signal.SIGCONT)


def stop_generator(server, client):
    client.signal(signal.SIGSTOP)
    try:
        time.sleep(0.5)
    finally:
        client.signal(signal.SIGCONT)


def fill_queue(server, client):
    server.say("full 1000")


# What is done, how many connections may wait to be accepted, and how long the standstill is.
SITUATIONS = {
    "server stopped": (stop_server, 4096, 1.0),
    "generator stopped": (stop_generator, 4096, 0.5),
    "accept queue full": (fill_queue, 8, 1.0),
}


def play(command, name, disturb, backlog):
    """True quantiles in microseconds, reported ones, whether the run is marked late, and the turn."""
    with programs.sink(RATE, backlog=backlog) as server:
        with Turn([server]) as turn:
            client = Client(command(server.port))
            time.sleep(SETTLED)
            disturb(server, client)
            out = client.wait(may_fail=True)
        seen = json.loads(server.stop())
    understand = programs.understand_load if name == "coalmine" else programs.understand_oha
    told = understand(out, client)
    return seen["behind_us"], told["latency_us"], told.get("late", False), turn


def error(told, truth):
    """As a share of the truth, or of so much that a millisecond is within the bound."""
    return abs(told - truth) / max(truth, FLOOR_US / WITHIN)


def tell(report, figures, situation, length, names):
    longest = RATE * length
    for share in (0.9, 0.99):
        above = RATE * SECONDS * (1 - share)
        expected = max(0.0, (longest - above) / RATE)
        report.note(f"{situation}: by the schedule alone p{share * 100:g} is {expected * 1e3:.0f} ms")
    for name in names:
        for q in QUANTILES:
            for shown in (f"{name} {q}", f"{name} {q} true"):
                report.figure(figures, shown, title=f"{situation}: {shown}", show=millis)
    report.others(figures)


def millis(micros):
    return f"{micros / 1e3:.2f} ms"
