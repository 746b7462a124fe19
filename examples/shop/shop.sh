#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The shop's stock on a fresh node: shop.sh [HOST:PORT]
# Where services sign in, give the token of one that administers in REDISCLI_AUTH.
set -euo pipefail
cd "$(dirname "$0")"
address=${1:-127.0.0.1:7379}

# Shows a command and what it answers.
run() {
  printf '$ %s\n' "$*${file:+ < $file}"
  redis-cli -h "${address%:*}" -p "${address##*:}" --no-raw "$@"
}

echo "# A keyspace for the stock, its functions, and ten chairs."
run KEYSPACE CREATE stock GUARANTEE strong
file=stock.lua run -x FUNCTION LOAD REPLACE < stock.lua
run ONCE delivery-1 HINCRBY stock:chair left 10

echo "# Order 17 reserves four. Asked again under the same id, it still holds four."
run ONCE 17-reserve FCALL stock.reserve 1 stock:chair 17 4
run ONCE 17-reserve FCALL stock.reserve 1 stock:chair 17 4
run FCALL stock.left 1 stock:chair

echo "# Order 18 wants seven. They are not there, and nothing of it happens."
run ONCE 18-reserve FCALL stock.reserve 1 stock:chair 18 7
run HGETALL stock:chair

echo "# Order 17 is given up, so a new try of order 18 finds enough. It is sent."
run ONCE 17-release FCALL stock.release 1 stock:chair 17
run ONCE 18-reserve-again FCALL stock.reserve 1 stock:chair 18 7
run ONCE 18-take FCALL stock.take 1 stock:chair 18
run ONCE 18-release FCALL stock.release 1 stock:chair 18
run FCALL stock.left 1 stock:chair
