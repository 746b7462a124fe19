#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How large etcd's database grows under an endless write load: the log is trimmed, so it must not follow the load.

Three nodes; a generator at each sends pipelined SETs until as many operations as asked for are through, while
every member's database is measured each second. Needs `./dev build bench` for the generator.

    cluster_etcd_size.py [--operations 20000000] [--limit-mib 256] [--depth 64] [--value 64]
"""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import holdfast
from cluster import Cluster
from holdfast import check

GENERATOR = holdfast.ROOT / "build" / "bench" / "load_generator"
CONNECTIONS = 8
MIB = 1 << 20


def start_generator(node, arguments):
    each = arguments.operations // len(node.cluster.nodes) // arguments.depth * arguments.depth + arguments.depth
    return subprocess.Popen(
        [str(arguments.generator), "--address", node.address, "--connections", str(CONNECTIONS), "--depth", str(arguments.depth),
         "--requests", str(each), "--keys", "100000", "--", "SET", "load:{key}", "x" * arguments.value],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--operations", type=int, default=20_000_000)
    parser.add_argument("--limit-mib", type=int, default=256)
    parser.add_argument("--depth", type=int, default=64)
    parser.add_argument("--value", type=int, default=64, help="bytes of each value")
    parser.add_argument("--generator", type=Path, default=GENERATOR)
    parser.add_argument("--flag", action="append", default=[], help="for the nodes, e.g. --flag=--checkpoint-interval=1m")
    arguments = parser.parse_args()
    if not arguments.generator.exists():
        holdfast.skip(f"no {arguments.generator}: run ./dev build bench")
    with Cluster(flags=arguments.flag) as cluster:
        cluster.start()
        cluster.create_keyspace("load")
        started = time.monotonic()
        generators = [start_generator(node, arguments) for node in cluster.nodes]
        largest, samples, printed = {}, 0, 0.0
        try:
            while any(g.poll() is None for g in generators):
                for name, size in cluster.etcd.db_sizes().items():
                    largest[name] = max(size, largest.get(name, 0))
                samples += 1
                if time.monotonic() - printed > 10:
                    printed = time.monotonic()
                    now = cluster.etcd.db_sizes()
                    print(f"  {printed - started:6.0f} s  " + "  ".join(f"{n} {s / MIB:.1f} MiB" for n, s in now.items()), flush=True)
                time.sleep(1)
        finally:
            for generator in generators:
                generator.kill()
        reports = [json.loads(g.stdout.read()) for g in generators]
        took = time.monotonic() - started
        done = sum(r["requests"] for r in reports)
        errors = sum(r["errors"] for r in reports)
        print(f"{done:,} operations in {took:.0f} s ({done / took:,.0f}/s), {errors} errors"
              f"{' (' + next(r['first_error'] for r in reports if r['errors']) + ')' if errors else ''}")
        print(f"etcd's database, the largest of {samples} samples: " + ", ".join(
            f"{name} {size / MIB:.1f} MiB" for name, size in sorted(largest.items())))
        check(done - errors >= arguments.operations * 0.99, "too few operations succeeded")
        check(max(largest.values()) < arguments.limit_mib * MIB, f"over {arguments.limit_mib} MiB")


if __name__ == "__main__":
    sys.exit(main())
