// SPDX-License-Identifier: Apache-2.0
#include "sim/workload.h"

#include <algorithm>
#include <array>
#include <utility>

#include "verify/resp.h"

namespace holdfast::sim {
namespace {

// `run` does the commands that its arguments are, each behind the number of its words, and answers
// as they would one by one or in a MULTI; `fail` does them too, and then it does not. `flow` is for
// workflows (workflow_drawing.h).
std::string library_for(const std::string& keyspace) {
  return "#!lua name=sim keyspace=" + keyspace + R"(
local function run(keys, args)
  local at, replies = 1, {}
  while at <= #args do
    local words = {}
    for i = 1, tonumber(args[at]) do words[i] = args[at + i] end
    at = at + #words + 1
    replies[#replies + 1] = redis.pcall(unpack(words))
  end
  if #replies == 1 then return replies[1] end
  return replies
end
redis.register_function('run', run)
redis.register_function('tally', function(keys, args)
  run(keys, args)
  return redis.call('GET', keys[1])  -- a text: Lua's numbers have 53 bits
end)
redis.register_function{function_name='look', callback=run, flags={'no-writes'}}
redis.register_function('fail', function(keys, args) run(keys, args) error('not so') end)
-- A workflow's step, or its undo: its effect is args[1] in the key of the run.
redis.register_function('flow', function(keys, args)
  local closed = not keys[2] or redis.call('EXISTS', keys[2]) == 1
  if args[2] == 'refuse' or (args[2] == 'gate' and closed) then
    return redis.error_reply('NOTSO it is refused')
  end
  redis.call('INCRBY', keys[1], args[1])
  return args[1]
end)
)";
}

verify::Command function_call(const char* name, const std::vector<verify::Command>& commands) {
  const std::string& key = commands.front()[1];
  verify::Command call{"FCALL", key.substr(0, key.find(':')) + "." + name, "1", key};
  for (const verify::Command& command : commands) {
    call.push_back(std::to_string(command.size()));
    call.insert(call.end(), command.begin(), command.end());
  }
  return call;
}

}  // namespace

std::vector<verify::Command> requests_of(const Call& call) {
  if (!call.by_function) return verify::requests_of(call.commands, call.multi, call.id);
  const char* const function = call.read ? "look" : call.tally_key.empty() ? "run" : "tally";
  return verify::requests_of({function_call(function, call.commands)}, false, call.id);
}

std::vector<verify::Command> Workload::declarations() const {
  std::vector<verify::Command> all;
  if (plan_.engine != Engine::none) {
    all.push_back({"KEYSPACE", "CREATE", "s", "GUARANTEE", "strong", "DURABILITY", "always"});
    all.push_back({"KEYSPACE", "CREATE", "w", "GUARANTEE", "strong", "DURABILITY", "everysec"});
  }
  all.push_back({"KEYSPACE", "CREATE", "e", "GUARANTEE", "eventual", "DURABILITY", "always"});
  all.push_back({"KEYSPACE", "CREATE", "f", "GUARANTEE", "eventual", "DURABILITY", "everysec"});
  for (std::size_t i = 0, declared = all.size(); i < declared; ++i)
    all.push_back({"FUNCTION", "LOAD", "REPLACE", library_for(all[i][2])});
  if (plan_.workflows) {
    for (const char* const place : {"s", "w"}) all.push_back({"SET", gate_key(place), "closed"});
  }
  return all;
}

Call Workload::next() {
  if (!past_.empty() && random_.percent(3)) return past_[random_.below(past_.size())];
  if (plan_.workflows && random_.percent(20)) return workflows_.next();
  if (owners_.must_sign_in() && random_.percent(owners_.is_urgent() ? 60 : 12))
    return owners_.next();
  if (random_.percent(6)) return passing_call();
  if (plan_.engine == Engine::etcd && random_.percent(5)) return queue_.next();
  const bool strong = plan_.engine != Engine::none && random_.percent(50);
  Call call = strong ? strong_call() : eventual_call();
  call.by_function = random_.percent(20);
  // A copy that comes much later; the checker of histories has no use for those.
  if (!call.id.empty() && !strong && past_.size() < 50 && random_.percent(10))
    past_.push_back(call);
  return call;
}

std::int64_t Workload::acknowledged(const std::string& key) const {
  const auto found = acknowledged_.find(key);
  return found == acknowledged_.end() ? 0 : found->second;
}

void Workload::heard(const Call& call, const verify::Answer& answer) {
  const verify::Command& command = call.commands.front();
  if (call.multi || command.front() != "INCRBY" || !command[1].starts_with("s:c") ||
      answer.kind != verify::Answer::Kind::integer)
    return;
  std::int64_t& least = acknowledged_[command[1]];
  least = std::max(least, answer.integer);
}

Call Workload::tally_call(const char* keyspace) {
  std::uint64_t& number = tally_numbers_[keyspace];
  auto name = [&] { return std::string(keyspace) + ":tally" + text(number); };
  if (tallies_[name()].entries.size() == tally_entries_max) ++number;
  Tally& tally = tallies_[name()];
  Call call{.id = new_id(), .tally_key = name(), .tally_place = tally.entries.size()};
  call.commands = {{"INCRBY", call.tally_key,
                    std::to_string(std::int64_t{1} << (tally_bits * call.tally_place))}};
  tally.entries.emplace_back();
  return call;
}

Call Workload::strong_call() {
  const char* const keyspace = random_.percent(70) ? "s" : "w";
  const std::string prefix = std::string(keyspace) + ":";
  Call call;
  const auto dice = random_.below(100);
  if (dice < 25) {
    call = tally_call(keyspace);
  } else if (dice < 40) {
    call.commands = {{"GET", key((prefix + "r").c_str(), 3)}};
    call.read = true;
  } else if (dice < 60) {
    call.commands = {{"SET", key((prefix + "r").c_str(), 3), "v" + text(++values_)}};
    if (random_.percent(60)) call.id = new_id();
  } else if (dice < 70) {
    call.commands = {{"GET", key((prefix + "c").c_str(), 3)}};
    call.read = true;
  } else if (dice < 85) {
    call.commands = {{"INCRBY", key((prefix + "c").c_str(), 3), text(1 + random_.below(9))}};
    if (random_.percent(60)) call.id = new_id();
  } else {
    const std::string amount = text(1 + random_.below(50));
    const auto from = random_.below(4);
    call.commands = {{"DECRBY", prefix + "a" + text(from), amount},
                     {"INCRBY", prefix + "a" + text((from + 1 + random_.below(3)) % 4), amount}};
    call.multi = true;
    if (random_.percent(70)) call.id = new_id();
  }
  call.strong = true;
  return call;
}

verify::Command Workload::data_command(const std::string& keyspace) {
  const auto kind = random_.below(20);
  // Mostly each key has one type; where it has several, one hides the others.
  static constexpr std::array types = {"t", "t", "t", "t", "t", "h", "h", "h", "m", "m",
                                       "m", "t", "h", "t", "z", "z", "z", "z", "z", "t"};
  const std::string k = keyspace + ":" + key(random_.percent(15) ? "o" : types[kind], 3);
  const std::string field = key("m", 3);
  const std::string number = text(random_.below(20));
  switch (kind) {
    case 0:
    case 1:
      return {"SET", k, "v" + text(++values_)};
    case 2:
    case 3:
      return {"INCRBY", k, number};
    case 4:
      return {"DEL", k};
    case 5:
      return {"HSET", k, field, "v" + text(++values_)};
    case 6:
      return {"HINCRBY", k, field, number};
    case 7:
      return {"HDEL", k, field};
    case 8:
    case 9:
      return {"SADD", k, field};
    case 10:
      return {"SREM", k, field};
    case 11:
      return {"PEXPIRE", k, text(200 + random_.below(20'000))};
    case 12:
      return {"PERSIST", k};
    case 13:
      return {"SET", k, "v" + text(++values_), "PX", text(200 + random_.below(20'000))};
    case 14:
      return {"ZADD", k, number, field, number + ".5", key("m", 3)};
    case 15:
      return {"ZADD", k, random_.percent(50) ? "-inf" : "1e300", field};
    case 16:
      return {"ZINCRBY", k, random_.percent(50) ? number : "-0.25", field};
    case 17:
      return {"ZREM", k, field};
    case 18:
      if (random_.percent(50)) return {"ZREMRANGEBYRANK", k, "0", "0"};
      return {"ZUNIONSTORE", k, "2", k, keyspace + ":" + key("z", 3)};
    default:
      return {"GET", k};
  }
}

verify::Command Workload::list_command(const std::string& keyspace) {
  const std::string k = keyspace + ":" + key("l", 3);
  const std::string other = keyspace + ":" + key("l", 3);
  switch (random_.below(12)) {
    case 0:
      return {"RPUSH", k, "v" + text(++values_), text(++values_)};
    case 1:  // two pieces
      return {"RPUSH", k, std::string(9'000, 'v') + text(++values_), text(++values_)};
    case 2:
      return {"LPUSH", k, "v" + text(++values_)};
    case 3:
      return {random_.percent(50) ? "LPOP" : "RPOP", k};
    case 4:
      return {"LMOVE", k, other, random_.percent(50) ? "LEFT" : "RIGHT", "RIGHT"};
    case 5:
      return {"LTRIM", k, "0", "8"};
    case 6:
      return {"LINSERT", k, "BEFORE", text(values_), "between"};
    case 7:
      return {"LREM", k, "0", "between"};
    case 8:
      return {"LSET", k, "-1", "last"};
    case 9:
      return {"BLMPOP", "0.3", "2", k, other, "LEFT", "COUNT", "2"};
    case 10:
      return {"BLMOVE", k, other, "LEFT", "LEFT", "0.2"};
    default:
      return {"BRPOP", k, other, random_.percent(50) ? "0.1" : "1"};
  }
}

Call Workload::eventual_call() {
  const char* const keyspace = random_.percent(60) ? "e" : "f";
  if (random_.percent(35)) return tally_call(keyspace);
  Call call;
  const std::size_t commands = random_.percent(8) ? 2 + random_.below(3) : 1;
  for (std::size_t i = 0; i < commands; ++i) call.commands.push_back(data_command(keyspace));
  call.multi = commands > 1;
  if (random_.percent(60)) call.id = new_id();
  // Against the rules: an id for two operations. The first by clock counts.
  if (!ids_of_others_.empty() && random_.percent(1))
    call.id = ids_of_others_[random_.below(ids_of_others_.size())];
  if (!call.id.empty() && random_.percent(10)) ids_of_others_.push_back(call.id);
  return call;
}

Call Workload::keyspace_call() {
  const char* const name = random_.percent(50) ? "x" : "y";
  if (random_.percent(40)) return {.commands = {{"KEYSPACE", "DROP", name}}};
  if (random_.percent(20))
    return {.commands = {{"FUNCTION", "LOAD", "REPLACE", library_for(name)}}};
  const bool strong = plan_.engine != Engine::none && random_.percent(50);
  Call call{
      .commands = {{"KEYSPACE", "CREATE", name, "GUARANTEE", strong ? "strong" : "eventual"}}};
  if (random_.percent(30)) call.id = new_id();
  return call;
}

// What no check asks for but that all nodes agree.
Call Workload::passing_call() {
  Call call;
  const bool strong_here = plan_.engine != Engine::none;
  switch (random_.below(5)) {
    case 0:
      call = keyspace_call();
      call.as = Owners::root;
      return call;
    case 3:  // of which nothing may be seen
      call.commands = {
          function_call("fail", {data_command(strong_here && random_.percent(60) ? "s" : "e")})};
      return call;
    case 1:
      call.commands = {strong_here && random_.percent(50)
                           ? list_command(random_.percent(50) ? "s" : "w")
                           : data_command(random_.percent(50) ? "s" : "w")};
      break;
    case 2:
      call.commands = {random_.percent(20) ? list_command(random_.percent(50) ? "x" : "y")
                                           : data_command(random_.percent(50) ? "x" : "y")};
      break;
    default:
      call.commands = {{"LOCAL", "GET", "s:r1"}};
      if (const auto dice = random_.below(100); dice < 40) {
        call.commands = {{"FRESH", "200", "GET", "e:t1"}};
      } else if (dice < 70) {  // the others may be cut off, or die meanwhile
        call.commands = {{"EXPLAIN", "e:t1"}};
      }
      return call;
  }
  if (random_.percent(40)) call.id = new_id();
  return call;
}

}  // namespace holdfast::sim
