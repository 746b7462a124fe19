#!lua name=bank keyspace=accounts
-- SPDX-License-Identifier: Apache-2.0
-- Balances in whole hundredths, at accounts:<name>. Other services reach them through these functions
-- alone, so nothing can take an account below zero, whoever calls and however often it tries.

-- Lua's numbers are exact up to 2^53. No balance and no amount comes near.
local most = 1e15

local function refuse(text)
  error({err = text})
end

local function amount_of(text)
  local amount = string.find(text or '', '^%d+$') and tonumber(text)
  if not amount or amount < 1 or amount > most then
    refuse('BADAMOUNT an amount is a whole number of hundredths, from 1 to 10^15')
  end
  return amount
end

local function balance_of(key)
  local balance = redis.call('GET', key)
  if not balance then
    refuse('NOACCOUNT there is no account ' .. key)
  end
  return tonumber(balance)
end

-- accounts.open 1 accounts:<name>: a new account, with nothing in it.
local function open(keys)
  if redis.call('EXISTS', keys[1]) == 1 then
    refuse('ISOPEN there is an account ' .. keys[1])
  end
  redis.call('SET', keys[1], 0)
  return 0
end

-- accounts.debit 1 accounts:<name> <amount>: takes it out; what is left.
local function debit(keys, args)
  local amount, balance = amount_of(args[1]), balance_of(keys[1])
  if balance < amount then
    refuse(string.format('TOOLITTLE %s has %d, and not %d', keys[1], balance, amount))
  end
  return redis.call('DECRBY', keys[1], amount)
end

-- accounts.credit 1 accounts:<name> <amount>: puts it in; what is there then.
local function credit(keys, args)
  local amount, balance = amount_of(args[1]), balance_of(keys[1])
  if balance + amount > most then
    refuse('TOOMUCH an account holds at most 10^15')
  end
  return redis.call('INCRBY', keys[1], amount)
end

-- accounts.balance 1 accounts:<name>: what is there.
local function balance(keys)
  return balance_of(keys[1])
end

redis.register_function{
  function_name = 'open', callback = open, allow = {'branch'},
  description = 'Opens an account. For the branch alone'}
redis.register_function{
  function_name = 'debit', callback = debit,
  description = 'Takes an amount out, unless the account would go below zero'}
redis.register_function{
  function_name = 'credit', callback = credit,
  description = 'Puts an amount in'}
redis.register_function{
  function_name = 'balance', callback = balance, flags = {'no-writes'},
  description = 'What is in an account'}
