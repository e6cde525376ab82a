"""Starts programs on their cores, watches what processor time they take, and tells figures.

Servers and proxies run on the first core, clients (and the servers behind a proxy) on the last.
What is compared takes turns inside a round, and a ratio is taken within its round. A round in which
other programs took more than a tenth of the machine is left out; where fewer than half of the
rounds are left, the figure is withheld. The machine's host counts as another program.
"""

import contextlib
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]

# The share of the machine that other programs may take before a round is worthless.
TOO_MUCH = 0.10


class Unmeasured(Exception):
    """A comparison that cannot be made here, and why."""


def now():
    """Nanoseconds on the monotonic clock, which all programs here stamp with."""
    return time.monotonic_ns()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """A server or proxy that runs until it is left."""

    def __init__(self, name, command, core, port, ends_with_input=False):
        self.name, self.command, self.port = name, [str(word) for word in command], port
        self.core, self.ends_with_input = core, ends_with_input
        self.told = None

    def __enter__(self):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE if self.ends_with_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            preexec_fn=lambda: os.sched_setaffinity(0, {self.core}),
        )
        try:
            self.wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        self.errors.close()

    def wait_until_it_listens(self):
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.errors.seek(0)
                raise Unmeasured(f"{self.name} does not start: {self.errors.read().strip()[-500:]}")
            time.sleep(0.02)

    def stop(self):
        """Ends it, and returns what it printed."""
        if self.told is None:
            if not self.ends_with_input:
                self.process.terminate()
            try:
                # This ends its input, too.
                self.told = self.process.communicate(timeout=15)[0].decode()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.told = self.process.communicate()[0].decode()
        return self.told

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        """The next line that it prints."""
        return self.process.stdout.readline().decode().strip()

    def signal(self, number):
        self.process.send_signal(number)

    def seconds(self):
        """Processor time of the program and its children."""
        return sum(seconds_of(pid) for pid in family(self.process.pid))

    def peak(self):
        """The most memory it and its children ever had in use, in bytes."""
        return sum(peak_of(pid) for pid in family(self.process.pid))


def family(pid):
    """A process and those below it."""
    members = [pid]
    for member in members:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{member}/task"):
                children = Path(f"/proc/{member}/task/{task}/children").read_text()
                members.extend(int(child) for child in children.split())
    return members


def seconds_of(pid):
    """Processor time of a process, in seconds; finer than its ticks."""
    total = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                told = Path(f"/proc/{pid}/task/{task}/schedstat").read_text()
                total += int(told.split()[0])
    return total / 1e9


def peak_of(pid):
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found.group(1)) * 1024 if found else 0
    return 0


class Turn:
    """One turn of one thing that is compared: what was told, and who took how much meanwhile."""

    def __init__(self, programs):
        self.programs = programs

    def __enter__(self):
        self.start = time.monotonic()
        self.idle = idle_seconds()
        self.own = own_seconds()
        self.before = {program.name: program.seconds() for program in self.programs}
        return self

    def __exit__(self, *_):
        self.cpu = {
            program.name: program.seconds() - self.before[program.name] for program in self.programs
        }
        self.seconds = time.monotonic() - self.start
        whole = self.seconds * os.cpu_count()
        busy = whole - (idle_seconds() - self.idle)
        known = own_seconds() - self.own + sum(self.cpu.values())
        self.others = max(0.0, busy - known) / whole


def idle_seconds():
    """Time that the machine's processors idled, together: the kernel counts it exactly."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return (int(fields[3]) + int(fields[4])) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    """Processor time of this script and of the clients that it has waited for."""
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(taken.ru_utime + taken.ru_stime for taken in times)


class Client:
    """A program that runs, prints and ends."""

    def __init__(self, command, *cores):
        cores = cores or (CLIENT_CORE,)
        self.command = [str(word) for word in command]
        self.output = tempfile.TemporaryFile()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.errors,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, may_fail=False):
        """What it printed; also keeps what it took: `cpu` in seconds, `peak` in bytes."""
        try:
            _, status, used = os.wait4(self.process.pid, 0)
        except BaseException:
            self.process.kill()
            raise
        self.code = self.process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = used.ru_utime + used.ru_stime
        self.peak = used.ru_maxrss * 1024
        for stream in (self.output, self.errors):
            stream.seek(0)
        told, errors = self.output.read().decode(), self.errors.read().decode()
        self.output.close()
        self.errors.close()
        self.failure = (errors or told).strip()[-500:]
        if self.code != 0 and not may_fail:
            raise Unmeasured(f"failed: {' '.join(self.command)}: {self.failure}")
        return told


def run(command, may_fail=False):
    """Runs a client to its end: what it printed, and the client."""
    client = Client(command)
    return client.wait(may_fail), client


def turns(rounds, names):
    """(round, name): everybody in every round, and each begins a round in its turn."""
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            progress(f"round {number + 1} of {rounds}: {name}")
            yield number, name
    progress("")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text:<60}" + ("" if text else "\r"), end="", file=sys.stderr, flush=True)


class Figures:
    """Values by name and round, with what others took in the round."""

    # Whether rounds count that others did not leave alone: good to see that everything works.
    busy_too = False

    def __init__(self, rounds):
        self.rounds = rounds
        self.values = {}
        self.taken = [0.0] * rounds

    def add(self, number, turn=None, **values):
        for name, value in values.items():
            self.values.setdefault(name, [None] * self.rounds)[number] = value
        if turn is not None:
            self.taken[number] = max(self.taken[number], turn.others)

    def round(self, name):
        """One value for each round; `None` where there is none."""
        return self.values.get(name, [None] * self.rounds)

    def quiet(self, values):
        """Of one value for each round, those of the rounds that others left alone."""
        limit = 1.0 if self.busy_too else TOO_MUCH
        pairs = zip(values, self.taken)
        return [value for value, taken in pairs if value is not None and taken <= limit]

    def loud(self):
        """How many rounds others did not leave alone."""
        return sum(taken > TOO_MUCH for taken in self.taken)

    def of_rounds(self, kept):
        """These rounds alone, as a frame for values of them."""
        frame = Figures(sum(kept))
        frame.taken = [taken for taken, keep in zip(self.taken, kept) if keep]
        return frame

    def ratio(self, name, over):
        pairs = zip(self.round(name), self.round(over))
        return [a / b if a is not None and b else None for a, b in pairs]


class Report:
    """Prints figures and bars, and remembers whether all were met."""

    def __init__(self):
        self.good = True

    def title(self, text):
        print(f"\n{text}")

    def note(self, text):
        print(f"  {text}")

    def figure(self, figures, name, unit="", title=None, show=None):
        self.values(title or name, figures.quiet(figures.round(name)), unit, show)

    def values(self, title, values, unit="", show=None):
        told = spread(values, show or scaled) + f" {unit}" if values else "withheld"
        print(f"  {title:<44} {told}".rstrip())

    def others(self, figures):
        shares = " ".join(f"{share:.0%}" for share in figures.taken)
        loud = figures.loud()
        what = "BUSY, AND JUDGED ALL THE SAME" if figures.busy_too else "left out"
        told = f"; {loud} of {figures.rounds} rounds {what}" if loud else ""
        print(f"  others took of the machine, by round: {shares}{told}")

    def bar(self, number, name, figures, values, at_least=None, at_most=None, show=None):
        """Met when the median reaches it; missed when not even the best round does."""
        show = show or "{:.2f}".format
        quiet = figures.quiet(values)
        wanted = " and ".join(
            f"at {word} {show(limit)}"
            for word, limit in (("least", at_least), ("most", at_most))
            if limit is not None
        )
        if len([value for value in values if value is not None]) == 0:
            verdict = "NOT MEASURED"
        elif 2 * len(quiet) < figures.rounds or not quiet:
            verdict = "WITHHELD: others took too much of the machine"
        else:
            verdict = judged(quiet, at_least, at_most)
        self.good &= verdict in ("met", "within the spread")
        self.good &= verdict in ("met", "within the spread")
        if figures.busy_too and figures.loud():
            verdict += ", others were busy"
        told = spread(quiet, show) if quiet else "-"
        print(f"  bar {number:<3} {name:<40} {told}  {wanted}: {verdict}")

    def check(self, number, name, good, told=""):
        """A bar that is reached or not."""
        self.good &= bool(good)
        print(f"  bar {number:<3} {name:<40} {told}: {'met' if good else 'MISSED'}")

    def unmeasured(self, number, why):
        self.good = False
        print(f"  bar {number:<3} NOT MEASURED: {why}")


def judged(values, at_least, at_most):
    def reaches(value):
        return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)

    if reaches(statistics.median(values)):
        return "met"
    return "within the spread" if any(map(reaches, values)) else "MISSED"


def spread(values, show):
    middle = show(statistics.median(values))
    return f"{middle:>8} [{show(min(values))}..{show(max(values))}]"


def scaled(value):
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
