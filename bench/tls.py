# SPDX-License-Identifier: Apache-2.0
"""What TLS costs. Group `tls` of bench/run.py: GET and SET over TLS 1.3 and plain, against Redis with the same certificate,
over one client, redis-benchmark, which speaks both.
"""
import shutil
import subprocess
import tempfile

import certificates
import holdfast


def tls(bench, redis_class, make_keyspaces, depths, connections, keys):
    """`redis_class`: run.py's Redis."""
    bench.title(f"TLS: requests/s ({connections} connections, redis-benchmark; Holdfast / Redis)")
    bench.line("", "Redis plain", "Redis TLS", "plain", "", "TLS", "")
    folder = tempfile.mkdtemp(prefix="holdfast-bench-tls-")
    authority = certificates.Authority(folder, "bench")
    files = authority.issue("server")
    with holdfast.Server(flags=["--log-level", "warning"]) as plain, \
            holdfast.Server(flags=["--log-level", "warning", *certificates.client_flags(files)], tls=authority.client()) as over_tls:
        redis = redis_class("everysec")
        tls_port = holdfast.free_port()
        redis.stop()
        redis.command += ["--tls-port", str(tls_port), "--tls-cert-file", files.certificate, "--tls-key-file", files.key,
                          "--tls-ca-cert-file", files.ca, "--tls-auth-clients", "no"]
        redis.start()
        try:
            for server in (plain, over_tls):
                make_keyspaces(server)
            targets = {"redis plain": (redis.port, False), "redis TLS": (tls_port, True),
                       "plain": (plain.port, False), "TLS": (over_tls.port, True)}
            for command in ("SET", "GET"):
                for depth in depths:
                    best = {}
                    for _ in range(bench.arguments.rounds):
                        for name, (port, secured) in targets.items():
                            rate = one(bench, port, files.ca if secured else None, command, depth, connections, keys)
                            best[name] = {"per_second": max(rate, best.get(name, {"per_second": 0})["per_second"])}
                    bench.record("tls", command, best, depth=depth, durability="everysec")
                    rates = {name: result["per_second"] for name, result in best.items()}
                    bench.line(f"{command} ×{depth}", rates["redis plain"], rates["redis TLS"],
                               rates["plain"], rates["plain"] / rates["redis plain"],
                               rates["TLS"], rates["TLS"] / rates["redis TLS"])
        finally:
            redis.close()
            shutil.rmtree(folder, ignore_errors=True)


known = {}  # rates, which tell how many requests the wanted time takes


def one(bench, port, ca, command, depth, connections, keys):
    requests = int(known.get((port, command, depth), 20_000 * depth) * bench.arguments.seconds)
    key = "strong-everysec:__rand_int__"
    words = ["redis-benchmark", "-p", str(port), "-c", str(connections), "-P", str(depth), "-r", str(keys), "-n", str(requests),
             "--csv", *(["--tls", "--cacert", ca] if ca else []), command, key, *(["xxx"] if command == "SET" else [])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    holdfast.check(done.returncode == 0, done.stderr)
    rate = float([field.strip('"') for field in done.stdout.strip().splitlines()[-1].split('","')][1])
    known[(port, command, depth)] = rate
    return rate
