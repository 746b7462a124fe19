#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Likes on a fresh node, or on two nodes of a cluster: feed.sh [HOST:PORT [HOST:PORT]]
# Where services sign in, give the token of one that administers in REDISCLI_AUTH.
set -euo pipefail
cd "$(dirname "$0")"
here=${1:-127.0.0.1:7379} there=${2:-${1:-127.0.0.1:7379}}

# Asks the node at the address.
ask() {
  local address=$1
  shift
  redis-cli -h "${address%:*}" -p "${address##*:}" --no-raw "$@"
}
# Shows a command, where it goes, and what it answers.
run() {
  printf '%s $ %s\n' "$([[ $1 == "$here" ]] && echo one || echo other)" "${*:2}${file:+ < $file}"
  ask "$@"
}
# Waits until the node answers so: replicas hear of each other within a moment.
await() {
  local address=$1 wanted=$2
  shift 2
  for _ in {1..100}; do
    [[ $(ask "$address" "$@") == "$wanted" ]] && return
    sleep 0.1
  done
}

echo "# A keyspace that every node answers for at once, and its functions."
run "$here" KEYSPACE CREATE likes GUARANTEE eventual
file=feed.lua run "$here" -x FUNCTION LOAD REPLACE < feed.lua
await "$there" "(integer) 0" FCALL likes.count 1 likes:42

echo "# Anna likes post 42. No reply comes, so her phone tries another node. Bert likes it there, too."
run "$here" ONCE anna-42-1 FCALL likes.like 1 likes:42 anna
run "$there" ONCE anna-42-1 FCALL likes.like 1 likes:42 anna
run "$there" ONCE bert-42-1 FCALL likes.like 1 likes:42 bert
await "$here" "(integer) 2" FCALL likes.count 1 likes:42
run "$here" FCALL likes.count 1 likes:42

echo "# She taps once more on her laptop, another request: she is one person still."
run "$there" ONCE anna-42-2 FCALL likes.like 1 likes:42 anna
await "$here" "(integer) 2" FCALL likes.count 1 likes:42
run "$here" FCALL likes.count 1 likes:42

echo "# Bert thinks better of it."
run "$there" ONCE bert-42-2 FCALL likes.unlike 1 likes:42 bert
await "$here" "(integer) 1" FCALL likes.count 1 likes:42
run "$here" FCALL likes.count 1 likes:42
run "$here" SMEMBERS likes:42
