#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bank on a node that has no services yet: bank.sh [HOST:PORT]
set -euo pipefail
cd "$(dirname "$0")"
address=${1:-127.0.0.1:7379}
redis=(redis-cli -h "${address%:*}" -p "${address##*:}")

# Shows a command, and what it answers to the service whose token is the first argument.
as() {
  local token=$1
  shift
  printf '$ %s\n' "$*${file:+ < $file}"
  REDISCLI_AUTH=$token "${redis[@]}" --no-raw "$@"
}
create() { # a service; its token
  "${redis[@]}" SERVICE CREATE "$@"
}

root=$(create root ADMIN)
if [[ $root != hf_* ]]; then
  echo "a node without services is needed at $address; this one answers: $root" >&2
  exit 1
fi
export REDISCLI_AUTH=$root
accounts=$(create accounts) branch=$(create branch) shop=$(create shop)

echo "# The service 'accounts' gets a keyspace of its own, and publishes functions."
as "$root" KEYSPACE CREATE accounts GUARANTEE strong OWNER accounts
file=accounts.lua as "$accounts" -x FUNCTION LOAD < accounts.lua

echo "# The branch opens accounts, and puts money in."
as "$branch" ONCE open-anna FCALL accounts.open 1 accounts:anna
as "$branch" ONCE open-shop FCALL accounts.open 1 accounts:shop
as "$branch" ONCE paid-in-1 FCALL accounts.credit 1 accounts:anna 1000

echo "# The shop cannot touch a balance but through the functions."
as "$shop" GET accounts:anna
as "$shop" FCALL accounts.open 1 accounts:own
as "$shop" FCALL accounts.balance 1 accounts:anna

echo "# It takes 700 for an order. The reply is lost, so it asks again: still one debit."
as "$shop" ONCE order-17 FCALL accounts.debit 1 accounts:anna 700
as "$shop" ONCE order-17 FCALL accounts.debit 1 accounts:anna 700
as "$shop" ONCE order-17-in FCALL accounts.credit 1 accounts:shop 700

echo "# Another 700 are not there. That order stays refused, also when money has come; a new one goes through."
as "$shop" ONCE order-18 FCALL accounts.debit 1 accounts:anna 700
as "$branch" ONCE paid-in-2 FCALL accounts.credit 1 accounts:anna 500
as "$shop" ONCE order-18 FCALL accounts.debit 1 accounts:anna 700
as "$shop" ONCE order-19 FCALL accounts.debit 1 accounts:anna 700
as "$shop" FCALL accounts.balance 1 accounts:anna

echo "# From now on everybody signs in at $address. The administrator 'root' has this token:"
echo "$root"
