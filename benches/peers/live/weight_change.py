"""Bar 5: how soon a new weight holds, and what it loses.

A hundred changes between all and nothing at 2,000 requests a second over 100 connections, against
servers that take 20 ms, so that some forty requests are always under way. The servers stamp what
reaches them; the generator counts what is never answered. After the order is acknowledged, no request
may reach the old version, except those that the splitter had decided before.
"""

import array
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import programs
from measuring import Client, Figures, Turn, now, turns

BARS = {"5": "weight changes"}
CHANGES, RATE, CONNECTIONS, PAUSE = 100, 2_000, 100, 0.25


def measure(report, rounds, seconds):
    report.title(
        f"{CHANGES} changes of the weight, {RATE:,} requests a second, {CONNECTIONS} connections (bar 5)"
    )
    makers = {
        "nginx reload": programs.NginxSplitter,
        "coalmine": programs.OurSplitter,
        "haproxy socket": programs.HaproxySplitter,
    }
    figures = Figures(rounds)
    each = -(-CHANGES // rounds)
    all_changes = {name: [] for name in makers}
    for number, name in turns(rounds, list(makers)):
        changes, told, turn = play(makers[name], each)
        all_changes[name] += changes
        figures.add(number, turn, **summary(name, changes, told))
    for name, changes in all_changes.items():
        tell(report, figures, name, changes)
    report.others(figures)
    quiet = figures.quiet(figures.round("coalmine obeyed"))
    worst = [max(quiet)] * rounds if quiet else figures.round("coalmine obeyed")
    name = "acknowledged, then last to the old, worst"
    report.bar("5", name, figures, worst, at_most=1e-3, show=millis)
    lost = sum(figures.round("coalmine lost"))
    report.check("5", f"no request lost in {len(all_changes['coalmine'])} changes", lost == 0, f"{lost}")
    faster = figures.ratio("nginx reload done", "coalmine done")
    report.bar("5", "how much sooner done than nginx", figures, faster, at_least=50)


def millis(seconds):
    return f"{seconds * 1e3:.2f} ms"


def play(make, count):
    """What each change took, what the generator told, and the turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        logs = [folder / name for name in ("stable", "canary")]
        options = {"rate": RATE, "delay_ms": 20, "core": programs.CLIENT_CORE}
        servers = [
            stack.enter_context(programs.sink(name=log.name, log=log, **options)) for log in logs
        ]
        splitter = stack.enter_context(make([server.port for server in servers], weight=0))
        seconds = count * PAUSE + 1.5
        with Turn([*servers, splitter]) as turn:
            client = Client(
                programs.generator(splitter.port, RATE, seconds, connections=CONNECTIONS)
            )
            time.sleep(0.75)
            orders = []
            for index in range(count):
                weight = 0 if index % 2 else 100
                orders.append((weight, *splitter.set_weight(weight)))
                time.sleep(PAUSE)
            end = now()
            told = json.loads(client.wait())
        for server in servers:
            server.stop()
        return understand(orders, end, [stamps(log) for log in logs]), told, turn


def stamps(log):
    values = array.array("Q")
    values.frombytes(log.read_bytes())
    return sorted(values)


def understand(orders, end, arrivals):
    """For each change: from the order to the first on the new version; to the last on the old;
    from the acknowledgement to the last on the old. In seconds, none of them below zero."""
    changes = []
    nexts = [ordered for _, ordered, _ in orders[1:]] + [end]
    for (weight, ordered, acknowledged), following in zip(orders, nexts):
        stable, canary = ([t for t in side if ordered <= t < following] for side in arrivals)
        new, old = (canary, stable) if weight == 100 else (stable, canary)
        first = (min(new) - ordered) / 1e9 if new else float("inf")
        last = (max(old) - ordered) / 1e9 if old else 0.0
        obeyed = (max(old) - acknowledged) / 1e9 if old else 0.0
        changes.append((first, last, max(0.0, obeyed)))
    return changes


def summary(name, changes, told):
    return {
        f"{name} done": statistics.median(max(first, last) for first, last, _ in changes),
        f"{name} obeyed": max(obeyed for _, _, obeyed in changes),
        f"{name} lost": told["scheduled"] - told["good"],
        f"{name} reopened": told["reopened"],
    }


def tell(report, figures, name, changes):
    first, last, _ = zip(*changes)
    shown = (
        (f"{name}: order, then first on the new", first),
        (f"{name}: order, then last on the old", last),
    )
    for title, values in shown:
        report.values(title, values, show=millis)
    lost, reopened = (sum(figures.round(f"{name} {what}")) for what in ("lost", "reopened"))
    report.note(f"{name}: {lost} requests lost, {reopened} connections closed on the client")
