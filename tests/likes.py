#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Likes, with real data: 100,004 ratings become INCRBY on an eventual keyspace, each under the id
user:movie, everything sent twice over 16 connections, the server killed with -9 three times meanwhile.
Every movie's total must be what a plain count of the file gives.
"""
import collections
import csv
import sys
import time

import holdfast
from holdfast import check, equal
from loader import load_under_kills

RATINGS = holdfast.DATA / "movielens" / "ratings.csv"


def main():
    if not RATINGS.exists():
        holdfast.skip(f"no real data at {RATINGS}")
    with open(RATINGS, newline="") as file:
        wanted = collections.Counter(row["movieId"] for row in csv.DictReader(file))
    with holdfast.Server() as server:
        with server.client() as client:
            client("KEYSPACE", "CREATE", "likes", "GUARANTEE", "eventual")
        started = time.monotonic()
        table, _ = load_under_kills(
            server, [RATINGS, "--command", "INCRBY likes:{movieId} 1", "--id", "{userId}:{movieId}",
                     "--connections", "16", "--repeat", "2", "--retry"],
            kills=3, progress=lambda client: sum(
                int(v or 0) for v in client("MGET", *(f"likes:{m}" for m in wanted))) / wanted.total())
        for _ in range(2):
            with server.client() as client:
                totals = client("MGET", *(f"likes:{movie}" for movie in wanted))
                for movie, total in zip(wanted, totals):
                    equal(int(total or 0), wanted[movie], f"likes of movie {movie}")
                equal(client("GET", "likes:356"), b"341", "likes of movie 356")
                keys = client("KEYS", "likes:*")
                equal(len(keys), 9066, "movies")
            equal(sum(int(t) for t in totals), 100_004, "likes in all")
            server.restart()  # and the same again from disk
        print(table)
        check(wanted.total() == 100_004, "the file is not the one the totals were taken from")
        print(f"likes: 100,004 over 9,066 movies, each as counted, in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
