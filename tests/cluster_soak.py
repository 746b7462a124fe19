#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fault cases in turn for a long time, one JSON line a run, and the sum of it all.

    cluster_soak.py --minutes 120 [--each 60] [--results build/cluster-soak.jsonl] [CASE …]

Appends to the results, so that hours can be added in pieces; --summary only reads them. A run that failed
stops nothing, but leaves its history and the exit code 1.
"""
import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import cluster_faults_test
import holdfast

SCRIPT = Path(cluster_faults_test.__file__)


def summary(path):
    """A row for each case over all runs in the file."""
    by_case = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        by_case[row["case"]].append(row)
    rows = []
    for name in sorted(by_case, key=list(cluster_faults_test.CASES).index):
        ran = [r for r in by_case[name] if "operations" in r]
        gaps = sorted(g for r in ran for g in r["fault_gaps_ms"])
        tries = sum(r["tries"] for r in ran)
        verdicts = [r["verdict"] for r in by_case[name]]
        rows.append({
            "case": name, "runs": len(by_case[name]), "faults": sum(r["faults"] for r in ran),
            "minutes": round(sum(r["seconds"] for r in ran) / 60, 1), "operations": sum(r["operations"] for r in ran),
            "success": round(sum(r["success"] * r["tries"] for r in ran) / max(1, tries), 3),
            "p99 pause ms": gaps[len(gaps) * 99 // 100] if gaps else "",
            "longest pause ms": gaps[-1] if gaps else "",
            "after election ms": max((ms for r in ran for ms in r["after_election_ms"]), default=""),
            "verdict": "linearizable" if set(verdicts) == {"linearizable"} else
                       ", ".join(f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts)))})
    keys = list(rows[0]) if rows else []
    rows.append({**dict.fromkeys(keys, ""), "case": "all", **{k: round(sum(r[k] for r in rows), 1) for k in (
        "runs", "faults", "minutes", "operations")}})
    widths = {k: max(len(k), *(len(str(r[k])) for r in rows)) for k in keys}
    print("  ".join(k.ljust(widths[k]) for k in keys))
    for row in rows:
        print("  ".join(str(row[k]).ljust(widths[k]) for k in keys).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--each", type=float, default=60, help="seconds of one case at a time")
    parser.add_argument("--results", type=Path, default=holdfast.BUILD / "cluster-soak.jsonl")
    parser.add_argument("--summary", action="store_true", help="only show what the results file says")
    arguments = parser.parse_args()
    failed = 0
    end = time.monotonic() + 60 * arguments.minutes
    turn = 0
    cases = arguments.cases or list(cluster_faults_test.CASES)
    while not arguments.summary and time.monotonic() < end:
        name = cases[turn % len(cases)]
        turn += 1
        ran = subprocess.run([sys.executable, "-B", str(SCRIPT), name, "--seconds", str(arguments.each), "--results", str(arguments.results)],
                             capture_output=True, text=True, check=False)
        if ran.returncode not in (0, holdfast.SKIPPED):
            failed += 1
            kept = arguments.results.with_name(f"{name}-failed-{turn}")
            kept.with_suffix(".log").write_text(ran.stdout + ran.stderr)
            history = cluster_faults_test.HISTORIES / f"{name}.jsonl"
            if history.exists():
                shutil.copy(history, kept.with_suffix(".jsonl"))
        last = ran.stdout.strip().splitlines()[-1:] or ["nothing was printed"]
        print(f"{time.strftime('%H:%M:%S')}  {last[0]}", flush=True)
    if arguments.results.exists():
        summary(arguments.results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
