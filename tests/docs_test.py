#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The documents are true: links resolve, named files exist, generated pages are current, examples run."""
import re
import subprocess
import sys

import holdfast
import mutations

ROOT = holdfast.ROOT
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
# What looks like a path of ours when it stands in backquotes.
PATH = re.compile(r"^(src|tests|bench|fuzz|docs|cmake|web|examples|base|value|log|table|dedup|command|strong|eventual|catalog|"
                  r"server|node|cli)/[\w./-]+$")


def documents():
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def headings(path):
    """The anchors that a page's headings make, as the usual renderers do."""
    for line in FENCE.sub("", path.read_text()).splitlines():
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield text.replace(" ", "-")


def broken_links(path):
    for target in LINK.findall(FENCE.sub("", path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        to = (path.parent / name) if name else path
        if not to.exists():
            yield f"{path.relative_to(ROOT)}: link to {target}, which does not exist"
        elif anchor and to.suffix == ".md" and anchor not in headings(to):
            yield f"{path.relative_to(ROOT)}: link to {target}, a heading that does not exist"


def missing_files(path):
    for code in CODE.findall(FENCE.sub("", path.read_text())):
        code = code.rstrip("/.,")
        if not PATH.match(code) or re.search(r"[A-Z]{3}|…", code):  # NAME stands for any
            continue
        if not any((base / code).exists() for base in (ROOT, ROOT / "src")):
            yield f"{path.relative_to(ROOT)}: `{code}` does not exist"


def stale_pages():
    if not holdfast.BINARY.exists():
        print(f"generated pages not compared: no {holdfast.BINARY}")
        return
    page = ROOT / "docs" / "commands.md"
    made = subprocess.run([str(holdfast.BINARY), "commands", "--markdown"], capture_output=True, text=True, check=True).stdout
    if not page.exists() or page.read_text() != made:
        yield "docs/commands.md is not what `holdfast commands --markdown` prints: write it again"
    flags = set(re.findall(r"^\s+(--[a-z-]+)", subprocess.run([str(holdfast.BINARY), "serve", "--help"], capture_output=True,
                                                              text=True, check=True).stdout, re.M))
    configuration = (ROOT / "docs" / "configuration.md").read_text()
    for flag in sorted(flags - {"--help"}):
        if f"`{flag}`" not in configuration:
            yield f"docs/configuration.md says nothing of {flag}"
    for flag in sorted(set(re.findall(r"`(--[a-z-]+)`", configuration)) - flags):
        yield f"docs/configuration.md tells of {flag}, which `holdfast serve` does not know"


def unnamed_errors():
    """Every error that can be sent has its row in docs/errors.md."""
    table = (ROOT / "src" / "base" / "error.cc").read_text()
    page = ROOT / "docs" / "errors.md"
    text = page.read_text() if page.exists() else ""
    for code in sorted(set(re.findall(r'\{Code::\w+,\s*"([A-Z]+)"', table))):
        if f"`{code}`" not in text:
            yield f"docs/errors.md has no row for {code}"


def undocumented_formats():
    index = ROOT / "docs" / "formats"
    for source in sorted((ROOT / "src").rglob("*.h")):
        for named in re.findall(r"docs/formats/([\w-]+\.md)", source.read_text()):
            if not (index / named).exists():
                yield f"{source.relative_to(ROOT)} names docs/formats/{named}, which does not exist"


def unplantable():
    """A planted bug's text changes with its source, and its row in the page with the list."""
    page = (ROOT / "docs" / "mutations.md").read_text()
    for name, file, text, *_ in mutations.MUTATIONS:
        times = (ROOT / file).read_text().count(text)
        if times != 1:
            yield f"tests/mutations.py: the text of {name} is {times} times in {file}"
        if f"| `{name}` in `{file}` |" not in page:
            yield f"docs/mutations.md has no row of {name}"


def main():
    found = []
    for path in documents():
        found += [*broken_links(path), *missing_files(path)]
    found += [*stale_pages(), *unnamed_errors(), *undocumented_formats(), *unplantable()]
    print("\n".join(found) if found else f"docs: {len(documents())} pages agree with the tree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
