#!lua name=stock keyspace=stock
-- SPDX-License-Identifier: Apache-2.0
-- What a shop has of each article. At stock:<article> lies a hash: the field `left` says how many are free, and
-- for each order that has reserved some a field order:<order> says how many. Both change in one step or not at all.

local function refuse(text)
  error({err = text})
end

local function number_of(text)
  local number = string.find(text or '', '^%d+$') and tonumber(text)
  if not number or number < 1 or number > 1000000 then
    refuse('BADNUMBER a number of articles is from 1 to 1000000')
  end
  return number
end

local function field_of(order)
  if not order or order == '' then
    refuse('BADORDER which order?')
  end
  return 'order:' .. order
end

local function left_of(key)
  return tonumber(redis.call('HGET', key, 'left') or 0)
end

local function reserved(key, order)
  local number = redis.call('HGET', key, field_of(order))
  if not number then
    refuse('NOORDER order ' .. order .. ' has reserved nothing of ' .. key)
  end
  return tonumber(number)
end

-- stock.reserve 1 stock:<article> <order> <number>: how many are left then.
local function reserve(keys, args)
  local field, number, left = field_of(args[1]), number_of(args[2]), left_of(keys[1])
  if redis.call('HEXISTS', keys[1], field) == 1 then
    refuse('RESERVED order ' .. args[1] .. ' has reserved some of ' .. keys[1] .. ' already')
  end
  if left < number then
    refuse(string.format('SOLDOUT %d are left of %s, and not %d', left, keys[1], number))
  end
  redis.call('HSET', keys[1], field, number)
  return redis.call('HINCRBY', keys[1], 'left', -number)
end

-- stock.release 1 stock:<article> <order>: the order was given up; how many are left then.
local function release(keys, args)
  local number = reserved(keys[1], args[1])
  redis.call('HDEL', keys[1], field_of(args[1]))
  return redis.call('HINCRBY', keys[1], 'left', number)
end

-- stock.take 1 stock:<article> <order>: the order was sent; how many went.
local function take(keys, args)
  local number = reserved(keys[1], args[1])
  redis.call('HDEL', keys[1], field_of(args[1]))
  return number
end

-- stock.left 1 stock:<article>: how many are free.
local function left(keys)
  return left_of(keys[1])
end

redis.register_function{
  function_name = 'reserve', callback = reserve, description = 'Keeps some of an article for an order'}
redis.register_function{
  function_name = 'release', callback = release, description = 'Gives back what an order has reserved'}
redis.register_function{
  function_name = 'take', callback = take, description = 'Takes away what an order has reserved'}
redis.register_function{
  function_name = 'left', callback = left, flags = {'no-writes'}, description = 'How many of an article are free'}
