#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests ran of src/: reads the counters of a coverage build, prints a table, writes reports.

    coverage.py BUILD [--least N] [--uncovered FOLDER …]

BUILD/report/index.html shows every line; BUILD/report/summary.json has the figures by file. --uncovered lists the
lines, and the lines with branches, of these folders that nothing ran.
"""
import argparse
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Tests, and what stands in for the world in them.
NOT_OURS = [r".*_test\.cc", r".*/(test|fake|fault)_[a-z_]+\.(h|cc)", r".*/testing\.h", r".*/brute_force_model\.h",
            r".*/etcd_process\.h", r".*/memory_log\.(h|cc)", r"src/server/(bad_input|loopback|talk)\.h"]


def gather(build, report):
    report.mkdir(exist_ok=True)
    # gcov leaves out what lies outside of the tree: a test's standard headers would take most of the time.
    subprocess.run(
        ["gcovr", "--root", str(ROOT), "--gcov-executable", f"gcov --relative-only --source-prefix {ROOT}",
         "-j", str(os.cpu_count()), "--filter", "src/", *(f"--exclude={pattern}" for pattern in NOT_OURS),
         # What only a bug of ours, or no memory, could take.
         "--exclude-throw-branches", "--exclude-unreachable-branches",
         "--exclude-branches-by-pattern", r"\s*HF_ASSERT\(.*",
         "--json", str(report / "lines.json"), "--json-summary", str(report / "summary.json"),
         "--html-details", str(report / "index.html"), "--html-title", "Holdfast coverage",
         str(build / "src"), str(build / "sim"), str(build / "fuzz")],
        check=True, cwd=ROOT)


def folder_of(name):
    return str(Path(name).relative_to("src").parent)


def percent(covered, total):
    return f"{100 * covered / total:.1f} %" if total else ""


def table(files):
    """Rows by folder in the order of the architecture, and the total."""
    order = re.findall(r"^\| `([\w/]+)/` \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M)
    counts = defaultdict(lambda: [0, 0, 0, 0])
    for file in files:
        for row in (folder_of(file["filename"]), "all"):
            for i, field in enumerate(("line_covered", "line_total", "branch_covered", "branch_total")):
                counts[row][i] += file[field]
    yield "| folder | lines | of | branches | of |"
    yield "| --- | --- | --- | --- | --- |"
    for row in sorted(counts, key=lambda r: (r == "all", order.index(r) if r in order else len(order), r)):
        lines, line_total, branches, branch_total = counts[row]
        name = row if row == "all" else f"`{row}/`"
        yield f"| {name} | {percent(lines, line_total)} | {line_total} | {percent(branches, branch_total)} | {branch_total} |"


def share(file):
    points = file["line_total"] + file["branch_total"]
    return (file["line_covered"] + file["branch_covered"]) / points if points else 1


def uncovered(report, folders):
    for file in json.loads((report / "lines.json").read_text())["files"]:
        if folder_of(file["file"]) not in folders:
            continue
        text = (ROOT / file["file"]).read_text().splitlines()
        for line in file["lines"]:
            if line["gcovr/noncode"]:
                continue
            never = line["count"] == 0
            missed = [b for b in line["branches"] if b["count"] == 0]
            if never or missed:
                what = "never " if never else f"{len(missed)} of {len(line['branches'])}"
                yield f"{file['file']}:{line['line_number']}: {what}: {text[line['line_number'] - 1].strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--least", type=int, default=10, help="how many of the least covered files to name")
    parser.add_argument("--uncovered", nargs="+", metavar="FOLDER", help="list what nothing ran there, of the last report")
    wanted = parser.parse_args()
    build = wanted.build.resolve()
    report = build / "report"
    if wanted.uncovered:
        print("\n".join(uncovered(report, wanted.uncovered)))
        return 0
    gather(build, report)
    files = json.loads((report / "summary.json").read_text())["files"]
    print("\n".join(table(files)))
    print("\nleast covered:")
    for file in sorted(files, key=share)[:wanted.least]:
        print(f"  {file['filename']}: lines {percent(file['line_covered'], file['line_total'])}, "
              f"branches {percent(file['branch_covered'], file['branch_total'])}")
    print(f"\nline by line: {report / 'index.html'}; figures: {report / 'summary.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
