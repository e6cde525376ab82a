"""Bars 1 and 2: what one worker of our splitter does beside NGINX, Envoy and the raw limit.

Two NGINX servers of 64 bytes and `wrk` with 32 connections share the client's core; the splitter has
the other to itself and sends 5 % to the canary. Ours counts latencies by version, knows who asks
and keeps its record of decisions meanwhile.
"""

from contextlib import ExitStack

import programs
from measuring import Figures, Turn, turns

BARS = {"1": "splitter throughput", "2": "splitter beside the raw limit"}
CONNECTIONS = 32


def measure(report, rounds, seconds):
    report.title(f"splitter, closed loop, {CONNECTIONS} connections, one worker, 95/5 (bars 1, 2)")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(programs.nginx_server(title=name)) for name in ("stable", "canary")
        ]
        ports = [server.port for server in servers]
        makers = {
            "nginx": programs.NginxSplitter,
            "coalmine": lambda ports: programs.OurSplitter(ports, sticky=True),
            "raw": programs.raw_splitter,
            "envoy": programs.EnvoySplitter,
        }
        splitters = {name: stack.enter_context(make(ports)) for name, make in makers.items()}
        figures = Figures(rounds)
        for number, name in turns(rounds, list(splitters)):
            play(figures, number, name, splitters[name], servers, seconds)
    for name in splitters:
        report.figure(figures, name, "requests/s")
        report.figure(figures, f"{name} cpu", "µs a request")
    report.others(figures)
    report.bar("1", "throughput over nginx's", figures, figures.ratio("coalmine", "nginx"), 1.0)
    report.bar("1", "throughput over envoy's", figures, figures.ratio("coalmine", "envoy"), 2.5)
    over_raw = figures.ratio("coalmine cpu", "raw cpu")
    report.bar("2", "processor time over the raw limit's", figures, over_raw, at_most=1.3)


def play(figures, number, name, splitter, servers, seconds):
    # Connections and caches warm up untimed.
    programs.play_wrk(splitter.port, CONNECTIONS, 1, "x-user: 17")
    with Turn([*servers, splitter]) as turn:
        told = programs.play_wrk(splitter.port, CONNECTIONS, seconds, "x-user: 17")
    cost = turn.cpu[splitter.name] / told["requests"] * 1e6
    figures.add(number, turn, **{name: told["rate"], f"{name} cpu": cost})
