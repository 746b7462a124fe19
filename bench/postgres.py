# SPDX-License-Identifier: Apache-2.0
"""The same increments with request ids in PostgreSQL, a table of ids beside a table of counters; and the same workflows
as durable-execution libraries over PostgreSQL keep them.

A cluster of our own in a temporary folder, never the system's; for comparison only, where it is installed.
"""
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import holdfast

# One statement: the id and its effect in one transaction, as it should be done.
SCRIPT = """\\set key random(0, 99999)
WITH fresh AS (INSERT INTO ids (id) VALUES (gen_random_uuid()) ON CONFLICT DO NOTHING RETURNING 1)
UPDATE counters SET n = n + 1 WHERE key = :key AND EXISTS (SELECT 1 FROM fresh);
"""


INCREMENTS = """CREATE TABLE counters (key int PRIMARY KEY, n bigint) WITH (fillfactor = 50);
INSERT INTO counters SELECT i, 0 FROM generate_series(0, 99999) i;
CREATE TABLE ids (id uuid PRIMARY KEY, at timestamptz DEFAULT now())"""

# What such a library writes for a run of three steps, each a transaction of the database itself: the run, each step's
# effect and outcome in one transaction, the run's end.
RUN = """\\set from random(0, 99999)
\\set to random(0, 99999)
INSERT INTO runs (id, status, input) VALUES (gen_random_uuid(), 'PENDING', '{"amount": 1}') RETURNING id \\gset
BEGIN;
UPDATE accounts SET balance = balance - 1 WHERE key = :from AND balance >= 1;
INSERT INTO outcomes (run, step, output) VALUES (:id, 0, '1');
COMMIT;
BEGIN;
UPDATE accounts SET balance = balance + 1 WHERE key = :to;
INSERT INTO outcomes (run, step, output) VALUES (:id, 1, '1');
COMMIT;
BEGIN;
UPDATE orders SET n = n + 1 WHERE key = :from;
INSERT INTO outcomes (run, step, output) VALUES (:id, 2, '1');
COMMIT;
UPDATE runs SET status = 'SUCCESS', output = '1' WHERE id = :id;
"""
RUNS = """CREATE TABLE accounts (key int PRIMARY KEY, balance bigint) WITH (fillfactor = 50);
INSERT INTO accounts SELECT i, 1000000000 FROM generate_series(0, 99999) i;
CREATE TABLE orders (key int PRIMARY KEY, n bigint) WITH (fillfactor = 50);
INSERT INTO orders SELECT i, 0 FROM generate_series(0, 99999) i;
CREATE TABLE runs (id uuid PRIMARY KEY, status text, input text, output text, at timestamptz DEFAULT now());
CREATE TABLE outcomes (run uuid, step int, output text, PRIMARY KEY (run, step))"""


def binaries():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def increments_with_ids(synchronous, seconds, clients=50):
    """Increments per second, or None where PostgreSQL is not installed or cannot run."""
    return measured(INCREMENTS, SCRIPT, synchronous, seconds, clients)


def runs(synchronous, seconds, clients=50):
    """Likewise runs of three steps."""
    return measured(RUNS, RUN, synchronous, seconds, clients)


def measured(schema, script, synchronous, seconds, clients):
    there = binaries()
    if there is None or shutil.which("runuser") is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-postgres-"))
    shutil.chown(folder, "postgres", "postgres")
    port = str(holdfast.free_port())
    # PostgreSQL refuses to run as root.
    def run(*command):
        return subprocess.run(["runuser", "-u", "postgres", "--", *map(str, command)], cwd=folder, capture_output=True, text=True,
                              check=False)
    try:
        if run(there / "initdb", "-D", folder / "data", "-A", "trust").returncode != 0:
            return None
        options = f"-p {port} -k {folder} -c listen_addresses='' -c shared_buffers=1GB -c max_wal_size=4GB -c synchronous_commit={synchronous}"
        if run(there / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start").returncode != 0:
            return None
        psql = (there / "psql", "-h", folder, "-p", port, "-d", "postgres", "-qc")
        run(*psql, schema)
        (folder / "script.sql").write_text(script)
        done = run(there / "pgbench", "-h", folder, "-p", port, "-n", "-M", "prepared", "-c", clients, "-j", 2, "-T",
                   max(1, int(seconds)), "-f", folder / "script.sql", "postgres")
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        holdfast.check(rate and done.returncode == 0, f"pgbench: {done.stderr[-300:]}")
        return float(rate.group(1))
    finally:
        run(there / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
