"""Everything at once on two cores: backends, splitter, load, metrics and gate at 5,000 a second.

`coalmine run` plays `everything.toml`, a good release, and reports how late its load was.
"""

import programs
from measuring import CORES, Client, Figures, Turn, turns

BARS = {"everything": "everything at once at 5,000 a second"}
MOST_LATE_US = 2_000


def measure(report, rounds, seconds):
    """As long as the rollout takes."""
    report.title("everything at once, 5,000 requests a second, whole machine")
    figures = Figures(rounds)
    for number, name in turns(rounds, ["coalmine"]):
        with Turn([]) as turn:
            client = Client(programs.run_command(programs.HERE / "everything.toml"), *CORES)
            told = programs.understand_run(client.wait(may_fail=True), client)
        figures.add(
            number,
            turn,
            p50=told["lateness_us"]["p50"],
            p99=told["lateness_us"]["p99"],
            rate=told["requests"] / told["seconds"],
            cpu=client.cpu / told["requests"] * 1e6,
        )
    for name, unit in (("p50", "µs late"), ("rate", "requests/s"), ("cpu", "µs a request")):
        report.figure(figures, name, unit)
    report.others(figures)
    rate = figures.round("rate")
    report.bar("all", "requests a second", figures, rate, at_least=4_900, show="{:.0f}".format)
    p99 = figures.round("p99")
    report.bar("all", "lateness p99, µs", figures, p99, at_most=MOST_LATE_US, show="{:.0f}".format)
