"""Everything at once on two cores: backends, splitter, load, metrics and gate at 5,000 a second.

`coalmine run` plays `everything.toml`, a good release, and tells how late its load was.
"""

import programs
from measuring import CORES, Client, Figures, Turn, turns

BARS = {"everything": "everything at once at 5,000 a second"}
RATE, MOST_LATE_MS = 5_000, 2


def measure(report, rounds, seconds):
    """As long as the rollout takes."""
    report.title(f"everything at once, {RATE:,} requests a second, whole machine")
    figures = Figures(rounds)
    doubts, lost = [], 0
    for number, _ in turns(rounds, ["coalmine"]):
        with Turn([]) as turn:
            client = Client(programs.run_command(programs.HERE / "everything.toml"), *CORES)
            told = programs.understand_run(client.wait(may_fail=True), client)
        middle, p99, most = told["late_ms"]
        figures.add(
            number,
            turn,
            **{"late, p50": middle, "late, p99": p99, "late, most": most},
            sent=told["requests"] / told["seconds"],
            cpu=client.cpu / told["requests"] * 1e6,
        )
        doubts += told["doubts"]
        lost += told["lost"]
    for name in ("late, p50", "late, p99", "late, most"):
        report.figure(figures, name, "ms")
    report.figure(figures, "sent", "requests/s, with the time to start and end")
    report.figure(figures, "cpu", "µs a request")
    for doubt in doubts:
        report.note(doubt)
    report.others(figures)
    p99 = figures.round("late, p99")
    report.bar("all", "lateness p99, ms", figures, p99, at_most=MOST_LATE_MS)
    report.check("all", "no request lost", lost == 0, f"{lost}")
