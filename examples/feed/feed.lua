#!lua name=feed keyspace=likes
-- SPDX-License-Identifier: Apache-2.0
-- Who likes which post. At likes:<post> lies the set of the persons: whichever replicas hear of a person's like, and
-- however often, the person is in it once. How many like a post is how many are in the set.

local function person_of(args)
  if not args[1] or args[1] == '' then
    error({err = 'BADPERSON who?'})
  end
  return args[1]
end

-- likes.like 1 likes:<post> <person>: how many like it then, as far as this replica knows.
local function like(keys, args)
  redis.call('SADD', keys[1], person_of(args))
  return redis.call('SCARD', keys[1])
end

-- likes.unlike 1 likes:<post> <person>: the same.
local function unlike(keys, args)
  redis.call('SREM', keys[1], person_of(args))
  return redis.call('SCARD', keys[1])
end

-- likes.count 1 likes:<post>: how many like it.
local function count(keys)
  return redis.call('SCARD', keys[1])
end

redis.register_function{
  function_name = 'like', callback = like, description = 'A person likes a post'}
redis.register_function{
  function_name = 'unlike', callback = unlike, description = 'A person does not like a post any more'}
redis.register_function{
  function_name = 'count', callback = count, flags = {'no-writes'}, description = 'How many like a post'}
