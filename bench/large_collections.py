# SPDX-License-Identifier: Apache-2.0
"""Collections of a million items: changes to one of them against Redis, and what others notice meanwhile.

Group `collections` of bench/run.py. A second process asks for another key all the time; its slowest answer shows what
stalls: growth while the collection is filled, checkpoints of it while it changes (one every two seconds), its end.
The probe's own delays are in that, too: the machine has few processors, all of which are busy.
"""
import json
import subprocess
import sys
import time

import holdfast

ITEMS = 1_000_000
FILLED_PER_COMMAND = 20
PROBE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import holdfast
client = holdfast.Client(int(sys.argv[2]), timeout=60)
taken = []
print("ready", flush=True)
import threading
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
while not ended.is_set():
    began = time.perf_counter()
    client("GET", sys.argv[3])
    taken.append(time.perf_counter() - began)
    time.sleep(0.0005)
taken.sort()
print(json.dumps({"p999": taken[int(len(taken) * 0.999)] * 1000, "max": taken[-1] * 1000, "asked": len(taken)}))
"""
SHAPES = {
    "hash": {"fill": ["HSET", "{key}", "field:{next}", "xxx"], "change": ["HSET", "{key}", "field:{n}", "yyy"],
             "read": ["HGET", "{key}", "field:{n}"]},
    "set": {"fill": ["SADD", "{key}", "member:{next}"], "change": ["SADD", "{key}", "other:{n}"],
            "read": ["SISMEMBER", "{key}", "member:{n}"]},
    "sorted set": {"fill": ["ZADD", "{key}", "{next}", "member:{next}"], "change": ["ZINCRBY", "{key}", "1", "member:{n}"],
                   "read": ["ZRANK", "{key}", "member:{n}"]},
    # A drawn number has zeros in front, so that it is no index.
    "list": {"fill": ["RPUSH", "{key}", "item:{next}"], "change": ["LMOVE", "{key}", "{key}", "LEFT", "RIGHT"],
             "read": ["LINDEX", "{key}", "500000"]},
}


class Probe:
    """Asks for a key until it is stopped."""

    def __init__(self, port, key):
        self.process = subprocess.Popen([sys.executable, "-B", "-c", PROBE, str(holdfast.ROOT / "tests"), str(port), key],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holdfast.check(self.process.stdout.readline() == "ready\n", "the probe did not begin")

    def stop(self):
        said, _ = self.process.communicate("\n", timeout=60)
        return json.loads(said)


STRONG_ONLY = ("list",)


def words(shape, key):
    return [word.replace("{key}", key).replace("{n}", "{key}") for word in shape]


def run(bench, redis_class, started):
    """`started`: starts a node with further flags."""
    bench.title(f"Collections of {ITEMS:,} items, everysec: requests/s (50 connections), and another client's slowest GET, ms")
    bench.line("", "Redis", "strong", "", "eventual", "", "slowest: Redis", "strong", "eventual")
    redis = redis_class("everysec")
    server = started(["--checkpoint-interval", "2s"])
    targets = {"redis": redis, "strong": server, "eventual": server}
    try:
        for name, shapes in SHAPES.items():
            keys = {target: f"{'k' if target == 'redis' else target + '-everysec'}:{name.replace(' ', '-')}" for target in targets}
            steps = {"filled ×16": (shapes["fill"], 16, {"requests": ITEMS}), "changed ×16": (shapes["change"], 16, {}),
                     "changed ×1": (shapes["change"], 1, {}), "read ×16": (shapes["read"], 16, {}), "deleted": (None, 1, {})}
            for step, (shape, depth, more) in steps.items():
                best, slowest = {}, {}
                for target, place in targets.items():
                    if target == "eventual" and name in STRONG_ONLY:
                        continue
                    probe = Probe(place.port, keys[target] + ":probe")
                    if shape is None:
                        with place.client() as client:
                            began = time.perf_counter()
                            client("DEL", keys[target])
                            best[target] = {"per_second": 1 / (time.perf_counter() - began)}
                            time.sleep(0.5)
                    else:
                        best[target] = bench.generate(place.port, words(shape, keys[target]), depth, **more)
                    slowest[target] = probe.stop()
                bench.record("collections", f"{name} {step}", best, slowest=slowest)
                base = best["redis"]["per_second"]
                cells = []
                for target in ("strong", "eventual"):
                    if target not in best:
                        cells += ["", ""]
                        continue
                    cells += [best[target]["per_second"], best[target]["per_second"] / base]
                bench.line(f"{name} {step}", base, *cells, *(f"{slowest[t]['max']:.1f}" for t in best))
        written_by_a_change(bench, server, "a set", ["SADD", "{key}", "member:{next}"],
                            {"add": ["SADD", "{key}", "one more"], "remove": ["SREM", "{key}", "member:000000000500"]})
        written_by_a_change(bench, server, "a list", ["RPUSH", "{key}", "item:{next}"],
                            {"push": ["RPUSH", "{key}", "one more"], "pop": ["LPOP", "{key}"], "set": ["LSET", "{key}", "500000", "other"],
                             "insert": ["LINSERT", "{key}", "BEFORE", "item:000000300000", "between"],
                             "remove": ["LREM", "{key}", "1", "item:000000700000"], "trim": ["LTRIM", "{key}", "1000", "-1000"]})
    finally:
        server.__exit__(None)
        redis.close()


def written_by_a_change(bench, server, name, fill, changes):
    """What the checkpoint after one changed item of a million writes."""
    key = "strong-everysec:written-" + name.replace(" ", "-")
    with server.client() as client:
        bench.generate(server.port, words(fill, key), 16, requests=ITEMS)
        written = {}
        for change, shape in {"all": None, **changes}.items():
            time.sleep(5)  # what was written before is in a checkpoint
            if shape:
                done = info(client, "checkpoints_completed")
                client(*words(shape, key))
                holdfast.wait_until(lambda done=done: info(client, "checkpoints_completed") > done, 60, "a checkpoint")
            written[change] = info(client, "checkpoint_last_bytes")
    bench.record("collections", f"bytes of a checkpoint, {name}", {"strong": written})
    bench.line(f"checkpoint, {name}:", *(f"{change} {count:,}" for change, count in written.items()))


def info(client, name):
    for line in client("INFO", "everything").decode().splitlines():
        if line.startswith(name + ":"):
            return int(line.split(":")[1])
    raise AssertionError(f"INFO says no {name}")
