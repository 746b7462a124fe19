# SPDX-License-Identifier: Apache-2.0
"""Three nodes over three etcd members, against that etcd used directly with one key a transaction.

Each caller has one operation outstanding, but for the pipelined rows. Etcd's callers are spread over its members;
Holdfast is measured with all callers at one node, as clients with one address are, and spread over the three. Writes
put 64 bytes under one of 100,000 keys, reads are linearizable. Everything runs on one machine, the callers too.
"""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import holdfast
from cluster import Cluster

CALLERS = (1, 16, 64, 256)
PIPELINED = (64, 16)  # connections, depth
KEYS = 100_000
VALUE_BYTES = 64
COMMANDS = {"write": ["SET", "s:{key}", "x" * VALUE_BYTES], "read": ["GET", "s:{key}"]}
# What is wanted of Holdfast's rate against etcd's, and of its p50 (issue 4).
RATES = {("write", 64): 6, ("read", 64): 5, ("write", 256): 8, ("read", 256): 8}
P50 = {"write": 1.3, "read": 1.5}
PIPELINED_RATE = 20


def run(bench):
    bench.title("Strong over etcd: operations/s, microseconds of processor time an operation (nodes+etcd), and p50")
    bench.line("", "etcd", "", "", "at one node", "", "", "", "at all three", "", "", "", "wanted")
    with Cluster(flags=["--log-level", "warning"]) as cluster:
        cluster.start()
        cluster.create_keyspace("s")
        Strong(bench, cluster).run()


class Strong:
    def __init__(self, bench, cluster):
        self.bench, self.cluster = bench, cluster
        self.ports = [n.port for n in cluster.nodes]
        self.etcd_best = {}

    def run(self):
        self.etcd("write", 256, seconds=5)  # what is read later
        self.bench.generate(self.ports, ["SET", "s:{next}", "x" * VALUE_BYTES], 16, connections=64, requests=KEYS)
        for what in COMMANDS:
            for callers in CALLERS:
                self.compare(what, callers)
        for what in COMMANDS:
            self.pipelined(what)
        for what in COMMANDS:
            self.profile(what)

    def etcd(self, what, callers, seconds=None):
        words = [str(Path(self.bench.arguments.build) / "etcd_load"), "--callers", str(callers), "--keys", str(KEYS),
                 "--seconds", str(seconds or self.bench.arguments.seconds), "--value-bytes", str(VALUE_BYTES)]
        for member in self.cluster.etcd.members:
            words += ["--endpoint", member.address]
        done = subprocess.run([*words, what], capture_output=True, text=True, check=False)
        holdfast.check(done.returncode == 0, done.stderr)
        result = json.loads(done.stdout)
        holdfast.check(result["errors"] == 0, f"etcd {what}: {result['errors']} errors, first {result['first_error']}")
        return result

    def measured(self, work):
        """The work's result, with the processor time of an operation."""
        before, began = self.cpu(), time.monotonic()
        result = work()
        took = time.monotonic() - began
        per_second = {name: (after - before[name]) / took for name, after in self.cpu().items()}
        result["cpu_us"] = {name: 1e6 * c / result["per_second"] for name, c in per_second.items()}
        return result

    def cpu(self):
        """Seconds that the nodes, and the members, have used."""
        def used(processes):
            ticks = 0
            for process in processes:
                fields = Path(f"/proc/{process.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
            return ticks / os.sysconf("SC_CLK_TCK")
        return {"nodes": used(self.cluster.nodes), "etcd": used(self.cluster.etcd.members)}

    def best(self, jobs):
        best = {}
        for _ in range(self.bench.arguments.rounds):
            for name, job in jobs.items():
                result = self.measured(job)
                if name not in best or result["per_second"] > best[name]["per_second"]:
                    best[name] = result
        return best

    def compare(self, what, callers):
        best = self.best({"etcd": lambda: self.etcd(what, callers), **self.ours(what, callers)})
        self.etcd_best[what] = max(self.etcd_best.get(what, 0), best["etcd"]["per_second"])
        self.show(f"{what}, {callers} callers", best, RATES.get((what, callers)), P50[what] if callers == 1 else None)

    def pipelined(self, what):
        connections, depth = PIPELINED
        best = self.best(self.ours(what, connections, depth))
        best["etcd"] = {"per_second": self.etcd_best[what]}
        self.show(f"{what}, {connections}×{depth}", best, PIPELINED_RATE)

    def ours(self, what, callers, depth=1):
        return {name: lambda ports=ports: self.bench.generate(ports, COMMANDS[what], depth, connections=callers)
                for name, ports in (("one node", self.ports[:1]), ("three nodes", self.ports))}

    def show(self, name_of_row, best, wanted_rate=None, wanted_p50=None):
        self.bench.record("strong", name_of_row, best)
        etcd = best["etcd"]

        def cells(result):
            texts = [result["per_second"]]
            if "cpu_us" in result:
                texts += [f"{result['cpu_us']['nodes']:.0f}+{result['cpu_us']['etcd']:.0f} µs", f"{result['p50_us']:,} µs"]
            return texts
        row = cells(etcd) if "cpu_us" in etcd else [*cells(etcd), "", ""]
        for name in ("one node", "three nodes"):
            ratio = (best[name]["p50_us"] / etcd["p50_us"]) if wanted_p50 else best[name]["per_second"] / etcd["per_second"]
            row += [*cells(best[name]), f"×{ratio:.2f}"]
        self.bench.line(name_of_row, *row, f"p50 ×{wanted_p50}" if wanted_p50 else f"×{wanted_rate}" if wanted_rate else "")

    def profile(self, what):
        """Where a node's processor time goes: perf's samples by shared object and by function."""
        if not shutil.which("perf"):
            print("(perf is not installed: no profile)")
            return
        node = self.cluster.nodes[0]
        with tempfile.TemporaryDirectory(prefix="holdfast-perf-") as folder:
            data = f"{folder}/perf.data"
            with contextlib.ExitStack() as stack:
                perf = subprocess.Popen(["perf", "record", "-q", "-F", "999", "-g", "-o", data, "-p", str(node.process.pid)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                stack.callback(perf.wait)
                stack.callback(perf.terminate)
                time.sleep(0.3)
                self.bench.generate(self.ports, COMMANDS[what], 1, connections=64)
            for by, lines in (("dso", 8), ("symbol", 16)):
                report = subprocess.run(["perf", "report", "-i", data, "--stdio", "--no-children", "-g", "none", "--sort", by],
                                        capture_output=True, text=True, check=False).stdout
                rows = [line.rstrip()[:110] for line in report.splitlines() if line.strip() and not line.startswith("#")]
                print(f"\nA node's processor time by {by} ({what}s of 64 callers):\n" + "\n".join(rows[:lines]), flush=True)
