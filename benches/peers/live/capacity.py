"""Bar 8: how many requests a second one core of load generator gets answered, closed loop.

NGINX answers 64 bytes on the other core, over 64 connections.
"""

import programs
from measuring import Figures, Turn, turns

BARS = {"8": "closed-loop capacity"}
CONNECTIONS = 64


def measure(report, rounds, seconds):
    report.title(f"load generator, closed loop, {CONNECTIONS} connections, one core (bar 8)")
    players = {
        "wrk": programs.play_wrk,
        "coalmine": programs.play_load,
        "oha": programs.play_oha,
    }
    figures = Figures(rounds)
    with programs.nginx_server(programs.SERVER_CORE) as server:
        programs.play_wrk(server.port, CONNECTIONS, 1)
        for number, name in turns(rounds, list(players)):
            with Turn([server]) as turn:
                told = players[name](server.port, CONNECTIONS, seconds)
            cost = told["cpu"] / told["requests"] * 1e6
            figures.add(number, turn, **{name: told["rate"], f"{name} cpu": cost})
    for name in players:
        report.figure(figures, name, "requests/s")
        report.figure(figures, f"{name} cpu", "µs a request")
    report.others(figures)
    report.bar("8", "over wrk's", figures, figures.ratio("coalmine", "wrk"), at_least=0.95)
    report.bar("8", "over oha's", figures, figures.ratio("coalmine", "oha"), at_least=1.25)
