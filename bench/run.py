#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holdfast against redis-server, in one run, on one machine, with one client and the same durability.

    bench/run.py [commands] [collections] [ids] [overload] [memory] [restart] [strong] [eventual] [functions] [ownership]
                 [workflows] [tls] [--json FILE] [--client generator|redis-benchmark]

`strong` compares three nodes over etcd with that etcd used directly, see strong.py; `eventual` three replicas with
Redis and two of its own, see eventual.py; `functions` and `ownership` what these cost, see functions.py;
`workflows` runs of three steps, see workflows.py;
`tls` what that costs, see tls.py; `collections` changes to one of a million items, see large_collections.py.

Every figure is the best of several rounds, and the rounds of all targets take turns, so that a busy
moment of the machine does not fall on one of them alone. `./dev bench` builds what this needs.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
sys.dont_write_bytecode = True

DEPTHS = (1, 16)
DURABILITIES = ("everysec", "always")
GUARANTEES = ("strong", "eventual")
KEYS = 100_000
CONNECTIONS = 50
# What people do today: remember the id, and add only where it is new.
LUA_ONCE = """if redis.call('SET', KEYS[2], '1', 'NX', 'EX', 259200) then
  return redis.call('INCRBY', KEYS[1], ARGV[1])
end
return redis.call('GET', KEYS[1])"""


class Redis:
    """A redis-server of our own in a temporary folder."""

    def __init__(self, durability):
        self.folder = tempfile.mkdtemp(prefix="holdfast-bench-redis-")
        self.port = holdfast.free_port()
        self.command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                        "--appendonly", "yes", "--appendfsync", durability,
                        # A rewrite in the middle of a round would only slow Redis down.
                        "--auto-aof-rewrite-percentage", "0"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        holdfast.wait_until(self.answers, 300, "redis-server to answer")

    def answers(self):
        try:
            with holdfast.Client(self.port) as client:
                return client("PING") == "PONG"
        except (holdfast.Disconnected, holdfast.ReplyError):
            return False

    def client(self):
        return holdfast.Client(self.port, timeout=300)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.generator = Path(arguments.build) / "load_generator"
        self.rows = []

    # -- One measurement

    def generate(self, ports, command, depth, connections=CONNECTIONS, requests=0, user="", password=""):
        """`ports`: one, or several that share the connections."""
        words = [str(self.generator), "--connections", str(connections), "--depth", str(depth),
                 "--keys", str(KEYS), "--seconds", str(self.arguments.seconds), "--warmup", "0.3"]
        for port in ports if isinstance(ports, list) else [ports]:
            words += ["--address", f"127.0.0.1:{port}"]
        if requests:
            words += ["--requests", str(requests)]
        if user:
            words += ["--user", user, "--password", password]
        done = subprocess.run([*words, "--", *command], capture_output=True, text=True, check=False)
        holdfast.check(done.returncode == 0, f"{command}: {done.stderr}")
        result = json.loads(done.stdout)
        holdfast.check(result["errors"] == 0, f"{command}: {result['errors']} errors, first {result['first_error']}")
        return result

    def redis_benchmark(self, port, command, depth, connections=CONNECTIONS):
        # Enough requests for the wanted time; the first round teaches how many.
        words = [word.replace("{key}", "__rand_int__") for word in command]
        requests = self.known_rates.get((port, depth, connections), 50_000 * depth) * self.arguments.seconds
        done = subprocess.run(["redis-benchmark", "-p", str(port), "-c", str(connections), "-P", str(depth), "-r", str(KEYS),
                               "-n", str(int(requests)), "--csv", *words], capture_output=True, text=True, check=False)
        holdfast.check(done.returncode == 0, done.stderr)
        fields = [f.strip('"') for f in done.stdout.strip().splitlines()[-1].split('","')]
        rate = float(fields[1])
        self.known_rates[(port, depth, connections)] = rate
        return {"per_second": rate, "p50_us": float(fields[4]) * 1000, "p99_us": float(fields[6]) * 1000, "generator_busy": None}

    known_rates = {}

    def best(self, jobs, between=None):
        """jobs: name -> (port, command, depth[, {more for generate()} or connections]). The best round of each, the rounds taking turns."""
        best = {}
        for _ in range(self.arguments.rounds):
            for name, (port, command, *load) in jobs.items():
                if self.arguments.client == "redis-benchmark" and "{id}" not in " ".join(command):
                    result = self.redis_benchmark(port, command, *load)
                else:
                    more = load.pop() if isinstance(load[-1], dict) else {}
                    result = self.generate(port, command, *load, **more)
                if name not in best or result["per_second"] > best[name]["per_second"]:
                    best[name] = result
                if between:
                    between()
        return best

    def record(self, group, name, best, **more):
        row = {"group": group, "name": name, "results": best, **more}
        self.rows.append(row)
        return row

    # -- Groups

    def functions(self):
        functions.functions(self, servers, GUARANTEES, DURABILITIES, DEPTHS, KEYS)

    def workflows(self):
        workflows.run(self, started_holdfast)

    def ownership(self):
        functions.ownership(self, started_holdfast, DEPTHS, KEYS)

    def collections(self):
        large_collections.run(self, Redis, started_holdfast)

    def tls(self):
        tls.tls(self, Redis, make_keyspaces, DEPTHS, CONNECTIONS, KEYS)

    def commands(self):
        self.title("Commands: requests/s (50 connections, 100,000 keys; Holdfast / Redis)")
        self.line("", "Redis", "strong", "", "eventual", "")
        shapes = {"GET": ["GET", "{ks}:s:{key}"], "SET": ["SET", "{ks}:s:{key}", "xxx"], "INCR": ["INCR", "{ks}:c:{key}"],
                  "HSET": ["HSET", "{ks}:h", "field:{key}", "xxx"], "SADD": ["SADD", "{ks}:m", "member:{key}"],
                  "ZADD": ["ZADD", "{ks}:z", "{next}", "member:{key}"],
                  "ZRANGE_100": ["ZRANGE", "{ks}:z", "0", "99"], "ZPOPMIN": ["ZPOPMIN", "{ks}:z"],
                  "LPUSH": ["LPUSH", "{ks}:l", "xxx"], "LRANGE_100": ["LRANGE", "{ks}:l", "0", "99"], "RPOP": ["RPOP", "{ks}:l"],
                  "SETBIT": ["SETBIT", "{ks}:b:{key}", "7", "1"], "BITCOUNT": ["BITCOUNT", "{ks}:s:{key}"],
                  "EXPIRE": ["EXPIRE", "{ks}:s:{key}", "100000"], "PUBLISH": ["PUBLISH", "{ks}:channel", "xxx"],
                  "SET_100KB": ["SET", "{ks}:large", "x" * 100_000], "GET_100KB": ["GET", "{ks}:large"]}
        strong_only = {"ZPOPMIN", "LPUSH", "LRANGE_100", "RPOP", "SETBIT"}
        with servers() as (holdfast_server, redis):
            for durability in DURABILITIES:
                ports = {"redis": redis[durability].port, "strong": holdfast_server.port, "eventual": holdfast_server.port}
                for target, port in ports.items():  # what GET reads
                    keyspace = keyspace_of(target, durability)
                    self.generate(port, ["SET", f"{keyspace}:s:{{next}}", "xxx"], 100, requests=KEYS)
                for depth in DEPTHS:
                    for name, shape in shapes.items():
                        if self.arguments.rows and name not in self.arguments.rows:
                            continue
                        best = self.best({target: (port, in_keyspace(shape, target, durability), depth)
                                          for target, port in ports.items() if target != "eventual" or name not in strong_only})
                        self.record("commands", name, best, depth=depth, durability=durability)
                        base = best["redis"]["per_second"]
                        guarantees = [g for g in GUARANTEES if g in best]
                        self.line(f"{name} ×{depth} {durability}", base, *pairs(best, base, guarantees), note=limited(best))

    def ids(self):
        self.title("INCRBY with fresh request ids: requests/s (against the Lua way in Redis: SET id NX EX, INCRBY)")
        self.line("", "Redis Lua", "strong", "", "eventual", "", "an id costs: strong", "eventual")
        with servers() as (server, redis):
            for durability in DURABILITIES:
                port = redis[durability].port
                with redis[durability].client() as client:
                    sha = client("SCRIPT", "LOAD", LUA_ONCE).decode()
                for depth in DEPTHS:
                    jobs = {"lua": (port, ["EVALSHA", sha, "2", "c:{key}", "id:{id}", "1"], depth),
                            "redis": (port, ["INCRBY", "c:{key}", "1"], depth)}
                    for guarantee in GUARANTEES:
                        keyspace = keyspace_of(guarantee, durability)
                        jobs[guarantee] = (server.port, ["ONCE", "{id}", "INCRBY", f"{keyspace}:c:{{key}}", "1"], depth)
                        jobs[f"{guarantee} without id"] = (server.port, ["INCRBY", f"{keyspace}:c:{{key}}", "1"], depth)
                    best = self.best(jobs, between=lambda: forget(server, redis))
                    costs = [100 * (1 - best[g]["per_second"] / best[f"{g} without id"]["per_second"]) for g in GUARANTEES]
                    self.record("ids", "INCRBY", best, depth=depth, durability=durability,
                                cost_percent=dict(zip(GUARANTEES, costs)))
                    base = best["lua"]["per_second"]
                    self.line(f"INCRBY ×{depth} {durability}", base, *pairs(best, base), *(f"{c:+.1f} %" for c in costs),
                              note=limited(best))

        for durability, synchronous in (("everysec", "off"), ("always", "on")):
            rate = postgres.increments_with_ids(synchronous, 2 * self.arguments.seconds)
            if rate:
                self.record("ids", "PostgreSQL with a table of ids", {"postgres": {"per_second": rate}}, durability=durability)
                self.line(f"PostgreSQL {durability}", rate)

    def overload(self):
        self.title("Ten times the load: requests/s answered well (INCR; of this server's own rate at 50 connections, depth 16)")
        self.line("", "normal", "depth ×10", "", "connections ×10", "")
        with servers() as (holdfast_server, redis):
            for durability in DURABILITIES:
                ports = {"redis": redis[durability].port, "strong": holdfast_server.port, "eventual": holdfast_server.port}
                for target, port in ports.items():
                    command = in_keyspace(["INCR", "{ks}:c:{key}"], target, durability)
                    best = self.best({"normal": (port, command, 16), "depth": (port, command, 160),
                                      "connections": (port, command, 16, 500)})
                    self.record("overload", target, best, durability=durability)
                    base = best["normal"]["per_second"]
                    self.line(f"{target} {durability}", base, *pairs(best, base, ("depth", "connections")))

    def memory(self):
        self.title("Memory, bytes each (1,000,000 of each; Redis by used_memory, Holdfast by INFO's used_memory, RSS in brackets)")
        self.line("", "Redis", "strong", "", "eventual", "")
        count = 1_000_000
        shapes = {"counter key": (["INCRBY", "{ks}:{next}", "1"],) * 2,
                  "string key, 32 bytes": (["SET", "{ks}:{next}", "x" * 32],) * 2,
                  "request id": (["EVALSHA", "{sha}", "2", "{ks}:c", "id:{id}", "1"], ["ONCE", "{id}", "INCRBY", "{ks}:c", "1"])}
        for name, (theirs, ours) in shapes.items():
            each = {}
            for target in ("redis", *GUARANTEES):
                each[target] = self.bytes_each(target, theirs if target == "redis" else ours, count)
            self.record("memory", name, each)
            self.line(name, *(f"{each[t]['used']:.0f} ({each[t]['resident']:.0f})" + ("" if t == "redis" else
                              f"|{each[t]['used'] / each['redis']['used']:.2f}") for t in each))

    def bytes_each(self, target, shape, count):
        if target == "redis":
            server = Redis("everysec")
            close = server.close
            with server.client() as client:
                sha = client("SCRIPT", "LOAD", LUA_ONCE).decode()
            shape = [word.replace("{sha}", sha) for word in shape]
        else:
            server = started_holdfast()
            close = lambda: server.__exit__(None)
        try:
            pid = server.process.pid
            command = in_keyspace(shape, target, "everysec")
            self.generate(server.port, command, 16, requests=CONNECTIONS * 16)  # what comes once
            before = used_memory(server), resident(pid)
            self.generate(server.port, command, 16, requests=count)
            time.sleep(1.5)  # the last second's sync, and what it had buffered
            after = used_memory(server), resident(pid)
            return {"used": (after[0] - before[0]) / count, "resident": (after[1] - before[1]) / count}
        finally:
            close()

    def restart(self):
        count = self.arguments.restart_count
        self.title(f"Restart with {count:,} keys and {count:,} request ids: seconds until the first answer")
        self.line("", "graceful stop", "start", "start after kill -9", "again")
        for target in ("redis", *GUARANTEES):
            self.restart_of(target, count)

    def restart_of(self, target, count):
        redis = target == "redis"
        server = Redis("everysec") if redis else started_holdfast()
        try:
            theirs = ["EVAL", LUA_ONCE, "2", "{ks}:{next}", "id:{id}", "1"]
            ours = ["ONCE", "{id}", "INCRBY", "{ks}:{next}", "1"]
            command = in_keyspace(theirs if redis else ours, target, "everysec")
            self.generate(server.port, command, 16, requests=count)
            probe = f"{keyspace_of(target, 'everysec')}:{count - 1:012}"
            times = {}
            began = time.monotonic()
            server.stop()
            times["stop"] = time.monotonic() - began
            times["start"] = time_to_answer(server, probe)
            for name in ("after kill", "again"):
                if name == "after kill":  # with a log to replay: a tenth of it again
                    self.generate(server.port, command, 16, requests=count // 10)
                server.process.kill()
                server.process.wait()
                times[name] = time_to_answer(server, probe)
            times["resident"] = resident(server.process.pid)
            self.record("restart", target, times)
            self.line(target, *(f"{times[t]:.1f}" for t in ("stop", "start", "after kill", "again")))
        finally:
            server.close() if redis else server.__exit__(None)

    def strong(self):
        strong.run(self)

    def eventual(self):
        redis = Redis("everysec")
        try:
            eventual.run(self, redis)
        finally:
            redis.close()

    # -- Printing

    def title(self, text):
        print(f"\n{text}\n", flush=True)

    def line(self, name, *cells, note=""):
        texts = [f"{c:,.0f}" if isinstance(c, float) and c > 100 else f"×{c:.2f}" if isinstance(c, float) else str(c) for c in cells]
        print(f"{name:<22}" + "".join(f"{t:>14}" for t in texts) + (f"   {note}" if note else ""), flush=True)


def pairs(best, base, names=GUARANTEES):
    cells = []
    for name in names:
        cells += [best[name]["per_second"], best[name]["per_second"] / base]
    return cells


def limited(best):
    """Says where the generator had no time left: the target may do more than the figure."""
    full = [name for name, r in best.items() if (r.get("generator_busy") or 0) > 0.97]
    return f"(generator at its limit: {', '.join(full)})" if full else ""


def keyspace_of(target, durability):
    return f"{'strong' if target == 'redis' else target}-{durability}"


def in_keyspace(shape, target, durability):
    return [word.replace("{ks}", keyspace_of(target, durability)) for word in shape]


def started_holdfast(flags=()):
    server = holdfast.Server(flags=["--log-level", "warning", *flags], ready_seconds=600)
    server.start()
    make_keyspaces(server)
    return server


def make_keyspaces(server):
    with server.client() as client:
        for guarantee in GUARANTEES:
            for durability in DURABILITIES:
                client("KEYSPACE", "CREATE", f"{guarantee}-{durability}", "GUARANTEE", guarantee, "DURABILITY", durability)


def forget(server, redis):
    """Drops all keys and ids, so that every round begins alike."""
    with server.client(timeout=300) as client:
        for name in client("KEYSPACE", "LIST"):
            if name != b"default":
                client("KEYSPACE", "DROP", name)
    make_keyspaces(server)
    for one in redis.values():
        with one.client() as client:
            client("FLUSHALL")


class servers:
    """A node and two redis-servers, one for each durability."""

    def __enter__(self):
        self.holdfast = started_holdfast()
        self.redis = {durability: Redis(durability) for durability in DURABILITIES}
        return self.holdfast, self.redis

    def __exit__(self, kind, *rest):
        self.holdfast.__exit__(kind, *rest)
        for redis in self.redis.values():
            redis.close()


def used_memory(server):
    with server.client() as client:
        for line in client("INFO", "memory").decode().splitlines():
            if line.startswith("used_memory:"):
                return int(line.split(":")[1])
    raise AssertionError("INFO memory says no used_memory")


def resident(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def time_to_answer(server, key):
    began = time.monotonic()
    server.start()

    def answers():
        try:
            with server.client() as client:
                return client("GET", key) == b"1"
        except (holdfast.Disconnected, holdfast.ReplyError):
            return False
    holdfast.wait_until(answers, 600, f"{key} after a restart")
    return time.monotonic() - began


def machine():
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(), "redis": version}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="*", choices=["commands", "collections", "ids", "overload", "memory", "restart", "strong", "eventual", "functions",
                                                       "ownership", "workflows", "tls", []])
    parser.add_argument("--build", default=str(ROOT / "build" / "bench"))
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rows", nargs="*", help="of the group commands: SET, GET_100KB, …")
    parser.add_argument("--client", choices=["generator", "redis-benchmark"], default="generator")
    parser.add_argument("--restart-count", type=int, default=5_000_000)
    arguments = parser.parse_args()
    os.environ["HOLDFAST_BUILD"] = arguments.build
    global eventual, functions, holdfast, large_collections, postgres, strong, tls, workflows
    import eventual
    import functions
    import holdfast
    import large_collections
    import postgres
    import strong
    import tls
    import workflows
    bench = Bench(arguments)
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    for group in arguments.groups or ["commands", "ids", "overload", "memory"]:
        getattr(bench, group)()
        if arguments.json:
            Path(arguments.json).write_text(json.dumps({"machine": facts, "client": arguments.client, "rows": bench.rows}, indent=1))


if __name__ == "__main__":
    main()
