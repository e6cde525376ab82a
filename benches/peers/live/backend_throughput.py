"""Bar 10: what a fake backend does beside NGINX's `return 200`, with faults off and at 1 %.

`wrk` with 64 connections on the other core.
"""

from contextlib import ExitStack

import programs
from measuring import Figures, Turn, turns

BARS = {"10": "fake backend"}
CONNECTIONS = 64


def measure(report, rounds, seconds):
    report.title(f"fake backend, closed loop, {CONNECTIONS} connections, one core (bar 10)")
    makers = {
        "nginx": lambda: programs.nginx_server(programs.SERVER_CORE),
        "faults off": programs.backend,
        "faults at 1 %": lambda: programs.backend("1%"),
    }
    figures = Figures(rounds)
    failed, asked = 0, 0
    with ExitStack() as stack:
        servers = {name: stack.enter_context(make()) for name, make in makers.items()}
        for server in servers.values():
            programs.play_wrk(server.port, CONNECTIONS, 1, may_fail=True)
        for number, name in turns(rounds, list(makers)):
            faulty = name == "faults at 1 %"
            with Turn([servers[name]]) as turn:
                told = programs.play_wrk(
                    servers[name].port, CONNECTIONS, seconds, may_fail=faulty
                )
            if faulty:
                failed, asked = failed + told["failed"], asked + told["requests"]
            cost = turn.cpu[servers[name].name] / told["requests"] * 1e6
            figures.add(number, turn, **{name: told["rate"], f"{name} cpu": cost})
    for name in makers:
        report.figure(figures, name, "requests/s")
        report.figure(figures, f"{name} cpu", "µs a request")
    report.others(figures)
    off, on = (figures.ratio(name, "nginx") for name in list(makers)[1:])
    report.bar("10", "faults off, over nginx's", figures, off, at_least=0.95)
    report.bar("10", "faults at 1 %, over nginx's", figures, on, at_least=0.90)
    share = failed / asked
    report.check("10", "faults at 1 % strike one in a hundred", 0.008 < share < 0.012, f"{share:.2%}")
