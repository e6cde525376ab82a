"""Bar 3: what the splitter adds to the median latency at 5,000 requests a second.

Poisson arrivals from the raw generator; it and the two NGINX servers share the client's core. What a
splitter adds is its quantile less that of asking a server directly in the same round.
"""

from contextlib import ExitStack

import programs
from measuring import Figures, Turn, turns

BARS = {"3": "latency that the splitter adds"}
RATE = 5_000


def measure(report, rounds, seconds):
    report.title(f"latency that a splitter adds, {RATE:,} requests a second, Poisson (bar 3)")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(programs.nginx_server(title=name)) for name in ("direct", "canary")
        ]
        ports = [server.port for server in servers]
        asked = {
            "direct": servers[0],
            "nginx": stack.enter_context(programs.NginxSplitter(ports)),
            "coalmine": stack.enter_context(programs.OurSplitter(ports, sticky=True)),
            "raw": stack.enter_context(programs.raw_splitter(ports)),
        }
        figures = Figures(rounds)
        for number, name in turns(rounds, list(asked)):
            with Turn({*servers, asked[name]}) as turn:
                told = programs.play_generator(
                    asked[name].port, RATE, seconds, arrivals="poisson", seed=number + 1
                )
            latency = told["latency_us"]
            cost = turn.cpu[asked[name].name] / told["requests"] * 1e6
            figures.add(
                number,
                turn,
                **{name: latency["p50"], f"{name} p99": latency["p99"], f"{name} cpu": cost},
            )
    for name in asked:
        for shown, unit in ((name, "µs"), (f"{name} p99", "µs"), (f"{name} cpu", "µs a request")):
            report.figure(figures, shown, unit)
    report.others(figures)
    for quantile, limit in (("", 1.10), (" p99", 1.25)):
        added = [
            added_ratio(*values)
            for values in zip(*(figures.round(name + quantile) for name in list(asked)[:3]))
        ]
        name = f"added {quantile.strip() or 'median'} over nginx's"
        report.bar("3", name, figures, added, at_most=limit)


def added_ratio(direct, nginx, ours):
    """How much ours adds over how much nginx adds; nothing where nginx adds nothing."""
    if None in (direct, nginx, ours) or nginx <= direct:
        return None
    return (ours - direct) / (nginx - direct)
