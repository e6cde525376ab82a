"""Memory does not grow with the number of requests: the most that load, splitter and backend ever
had in use after 100,000 requests and after 10,000,000.

The load is a closed loop through the splitter to the backend. Splitter and backend serve both runs,
the load begins anew. One round: what is compared is not time.
"""

from contextlib import ExitStack

import programs
from measuring import progress

BARS = {"memory": "memory at 100,000 and 10,000,000 requests"}
FEW, MANY, CONNECTIONS = 100_000, 10_000_000, 64
# What a heap may differ by from one run to the next.
LOOSE = 1.10


def measure(report, rounds, seconds, many=MANY):
    report.title(f"memory after {FEW:,} and {many:,} requests")
    with ExitStack() as stack:
        backend = stack.enter_context(programs.backend())
        splitter = stack.enter_context(programs.OurSplitter([backend.port, backend.port]))
        rate = programs.play_load(splitter.port, CONNECTIONS, 1)["rate"]
        peaks = []
        for wanted in (FEW, many):
            progress(f"{wanted:,} requests, about {wanted / rate:.0f} s")
            load, served = ask(splitter.port, wanted, rate)
            peaks.append({"load": load, "splitter": splitter.peak(), "backend": backend.peak()})
            rate = served
        progress("")
    few, more = peaks
    for name in few:
        growth = more[name] / few[name]
        told = f"{few[name] / 2**20:.1f} MiB, then {more[name] / 2**20:.1f} MiB"
        report.check("mem", f"{name} does not grow", growth <= LOOSE, told)


def ask(port, wanted, rate):
    """The peak of one load that gets so many answers, over several turns if the rate falls; and the
    rate."""
    seconds = max(1, round(1.2 * wanted / rate))
    while True:
        told = programs.play_load(port, CONNECTIONS, seconds)
        if told["requests"] >= wanted:
            return told["peak"], told["rate"]
        seconds = round(1.2 * seconds * wanted / told["requests"]) + 1
