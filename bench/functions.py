# SPDX-License-Identifier: Apache-2.0
"""What functions and ownership cost. Groups `functions` and `ownership` of bench/run.py.

`functions`: a bank's debit, called with a fresh request id each time, against Redis' FCALL of the same function that checks its
own id with SET NX, as one has to there. `ownership`: GET by a service of its own keyspace against GET where no service
is declared, on two servers that are otherwise the same.
"""
import holdfast

DEBIT = """
redis.register_function('debit', function(keys, args)
{check}  local has = tonumber(redis.call('GET', keys[1]) or '0')
  local amount = tonumber(args[1])
  if has < amount then return redis.error_reply('FUNDS only ' .. has) end
  return redis.call('DECRBY', keys[1], amount)
end)
"""
OWN_CHECK = """  if not redis.call('SET', keys[2], '1', 'NX', 'EX', 259200) then return redis.call('GET', keys[1]) end
"""
FUNDS = "100000000000"


def functions(bench, servers, guarantees, durabilities, depths, keys):
    """`servers`: run.py's class of that name."""
    bench.title("FCALL of a debit with fresh request ids: requests/s (against Redis' FCALL with its own SET NX check)")
    bench.line("", "Redis", "strong", "", "eventual", "", "without an id: strong", "")
    with servers() as (server, redis):
        with server.client() as client:
            for guarantee in guarantees:
                for durability in durabilities:
                    client("FUNCTION", "LOAD", f"#!lua name=bank keyspace={guarantee}-{durability}" + DEBIT.format(check=""))
        for durability in durabilities:
            port = redis[durability].port
            with redis[durability].client() as client:
                client("FUNCTION", "LOAD", "#!lua name=bank" + DEBIT.format(check=OWN_CHECK))
            bench.generate(port, ["SET", "a:{next}", FUNDS], 100, requests=keys)
            jobs = {}
            for guarantee in guarantees:
                keyspace = f"{guarantee}-{durability}"
                bench.generate(server.port, ["SET", keyspace + ":{next}", FUNDS], 100, requests=keys)
                jobs[guarantee] = ["ONCE", "{id}", "FCALL", f"{keyspace}.debit", "1", keyspace + ":{key}", "1"]
                jobs[f"{guarantee} without id"] = jobs[guarantee][2:]
            for depth in depths:
                best = bench.best({"redis": (port, ["FCALL", "debit", "2", "a:{key}", "id:{id}", "1"], depth),
                                   **{name: (server.port, command, depth) for name, command in jobs.items()}})
                bench.record("functions", "debit", best, depth=depth, durability=durability)
                base = best["redis"]["per_second"]
                cells = []
                for name in [*guarantees, f"{guarantees[0]} without id"]:
                    cells += [best[name]["per_second"], best[name]["per_second"] / base]
                bench.line(f"debit ×{depth} {durability}", base, *cells)


def ownership(bench, started, depths, keys):
    bench.title("What asking whose a keyspace is costs: GET/s (no service declared; a service in its own keyspace)")
    bench.line("", "nobody's", "own", "", "it costs")
    plain, owned = started(), started()
    try:
        with owned.client() as client:
            token = client("SERVICE", "CREATE", "root", "ADMIN")
            client("AUTH", "root", token)
            token = client("SERVICE", "CREATE", "owner")
            client("KEYSPACE", "ALTER", "strong-everysec", "OWNER", "owner")
        sign_in = {"user": "owner", "password": token.decode()}
        bench.generate(plain.port, ["SET", "strong-everysec:{next}", "xxx"], 100, requests=keys)
        bench.generate(owned.port, ["SET", "strong-everysec:{next}", "xxx"], 100, requests=keys, **sign_in)
        command = ["GET", "strong-everysec:{key}"]
        for depth in depths:
            best = bench.best({"nobody's": (plain.port, command, depth), "own": (owned.port, command, depth, sign_in)})
            bench.record("ownership", "GET", best, depth=depth)
            base, own = best["nobody's"]["per_second"], best["own"]["per_second"]
            bench.line(f"GET ×{depth}", base, own, own / base, f"{100 * (1 - own / base):+.1f} %")
    finally:
        for server in (plain, owned):
            server.__exit__(None, None, None)
