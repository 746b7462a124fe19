// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <variant>

#include "base/request_id.h"
#include "strong/test_host.h"

// The machine against a model that a reader can hold in their head: maps, and
// the contract's sentences about request ids in order. Random entries, retries,
// reused and voided ids, transactions, time that passes windows, copies of
// entries, and a twin machine that restarts from checkpoints all the while.
namespace holdfast::strong {
namespace {

using namespace strong::testing;  // NOLINT: this folder's own

// At full width from the first case on: these worlds are small as they are.
template <typename T>
T pick(T from, T before) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, before));
}

constexpr Millis retain{100'000};
const Instant start = instant_from_ms(1'700'000'000'000);

std::string integer(std::int64_t n) {
  return ":" + std::to_string(n) + "\r\n";
}
std::string bulk(const std::string& s) {
  return "$" + std::to_string(s.size()) + "\r\n" + s + "\r\n";
}
const std::string wrong_type =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

// Redis, for the commands that these tests use.
class Model {
 public:
  std::string run(const Line& line) {
    const std::string& name = line[0];
    const std::string& key = line[1];
    const auto found = values_.find(key);
    Value* value = found == values_.end() ? nullptr : &found->second;
    if (name == "GET") {
      if (value == nullptr) return "$-1\r\n";
      const auto* text = std::get_if<std::string>(value);
      return text == nullptr ? wrong_type : bulk(*text);
    }
    if (name == "SET") {
      values_[key] = line[2];
      return "+OK\r\n";
    }
    if (name == "DEL") return integer(static_cast<std::int64_t>(values_.erase(key)));
    if (name == "INCRBY") return incrby(key, value, std::stoll(line[2]));
    if (name == "SADD") return add_member(key, value, line[2]);
    if (name == "SREM") return remove_member(key, value, line[2]);
    return put_field(key, value, line[2], line[3]);
  }

  struct Outcome {
    std::string operation;
    Instant first{};
    bool voided = false;
    std::string reply;
  };
  std::map<std::pair<std::uint32_t, std::string>, Outcome> ids;  // by caller and id

  bool remembers(const Outcome& outcome, Instant now) const {
    return outcome.first > now - remembered_for(retain);
  }
  // What the keys hold, to notice a change.
  std::optional<std::string> look(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    std::string out = std::to_string(found->second.index());
    if (const auto* text = std::get_if<std::string>(&found->second)) return out + *text;
    if (const auto* members = std::get_if<Members>(&found->second)) {
      for (const std::string& member : *members) out += "," + member;
      return out;
    }
    for (const auto& [field, text] : std::get<Fields>(found->second))
      out.append(field).append("=").append(text);
    return out;
  }

 private:
  using Members = std::set<std::string>;
  using Fields = std::map<std::string, std::string>;
  using Value = std::variant<std::string, Members, Fields>;

  std::string incrby(const std::string& key, Value* value, std::int64_t delta) {
    std::int64_t old = 0;
    if (value != nullptr) {
      const auto* text = std::get_if<std::string>(value);
      if (text == nullptr) return wrong_type;
      const auto number = parse_integer(*text);
      if (!number) return "-ERR value is not an integer or out of range\r\n";
      old = *number;
    }
    values_[key] = std::to_string(old + delta);
    return integer(old + delta);
  }
  std::string add_member(const std::string& key, Value* value, const std::string& member) {
    if (value == nullptr) value = &(values_[key] = Members{});
    auto* members = std::get_if<Members>(value);
    return members == nullptr ? wrong_type : integer(members->insert(member).second);
  }
  std::string remove_member(const std::string& key, Value* value, const std::string& member) {
    if (value == nullptr) return integer(0);
    auto* members = std::get_if<Members>(value);
    if (members == nullptr) return wrong_type;
    const auto erased = static_cast<std::int64_t>(members->erase(member));
    if (members->empty()) values_.erase(key);
    return integer(erased);
  }
  std::string put_field(const std::string& key, Value* value, const std::string& field,
                        const std::string& text) {
    if (value == nullptr) value = &(values_[key] = Fields{});
    auto* fields = std::get_if<Fields>(value);
    if (fields == nullptr) return wrong_type;
    const bool fresh = !fields->contains(field);
    (*fields)[field] = text;
    return integer(fresh);
  }

  std::map<std::string, Value> values_;
};

std::string describe(const Request& request) {
  std::string out = request.transaction ? "MULTI" : "";
  for (const Line& line : request.lines) {
    out += "\n";
    for (const std::string& word : line) out += word + " ";
  }
  return out;
}

std::string run_all(Model& model, const Request& request, bool watched_changed) {
  if (!request.transaction) return model.run(request.lines[0]);
  if (watched_changed) return "*-1\r\n";
  std::string reply = "*" + std::to_string(request.lines.size()) + "\r\n";
  for (const Line& line : request.lines) reply += model.run(line);
  return reply;
}

std::string settle(Model& model, const Request& request, Instant now) {
  const std::string& id = request.lines[0][1];
  const auto made = time_of_uuid7(id);
  if (made && (*made < now - retain || *made > now + Millis(3'600'000))) return "-IDEXPIRED";
  auto& outcome = model.ids[{request.caller.value, id}];
  if (!model.remembers(outcome, now)) outcome = {"", now, true, ""};
  return outcome.voided ? "+OK\r\n" : "*1\r\n" + outcome.reply;
}

// What 3-contract section 3 says of one operation. Errors by their first word.
std::string expect(Model& model, const Request& request, Instant now, bool watched_changed) {
  if (request.lines.size() == 1 && request.lines[0][0] == "VOID")
    return settle(model, request, now);
  if (request.id.empty()) return run_all(model, request, watched_changed);
  auto& outcome = model.ids[{request.caller.value, request.id}];
  if (model.remembers(outcome, now)) {
    if (outcome.voided) return "-VOIDED";
    return outcome.operation == describe(request) ? outcome.reply : "-IDREUSED";
  }
  const auto made = time_of_uuid7(request.id);
  if (made && (*made < now - retain || *made > now + Millis(3'600'000))) return "-IDEXPIRED";
  outcome = {describe(request), now, false, run_all(model, request, watched_changed)};
  return outcome.reply;
}

bool matches(const std::string& reply, const std::string& expected) {
  if (expected.ends_with("\r\n")) return reply == expected;
  return reply.starts_with(expected + " ");
}

rc::Gen<std::string> key() {
  return rc::gen::element<std::string>("a", "b", "c");
}

Line random_line(bool reads) {
  const std::string k = *key();
  const std::string n = std::to_string(pick(-3, 4));
  switch (pick(0, reads ? 7 : 6)) {
    case 0:
      return {"SET", k, *rc::gen::element(n, std::string("text"))};
    case 1:
      return {"DEL", k};
    case 2:
      return {"SADD", k, n};
    case 3:
      return {"SREM", k, n};
    case 4:
      return {"HSET", k, n, n};
    case 5:
      return {"INCRBY", k, n};
    default:
      return {"GET", k};
  }
}

std::string random_id(Instant now) {
  const int n = pick(0, 12);
  if (n < 4) return "";
  if (n < 10) return "id-" + std::to_string(n);
  // A few UUIDs around now, the window's edge and the future.
  const Millis offset = *rc::gen::element(Millis(0), Millis(-50'000), Millis(-150'000),
                                          Millis(3'000'000), Millis(4'000'000));
  return make_uuid7(instant_from_ms(to_ms(now) / 100'000 * 100'000) + offset, 1, 2);
}

Request random_request(Instant now, std::vector<Request>& earlier) {
  if (!earlier.empty() && pick(0, 4) == 0)  // a retry
    return earlier[pick<std::size_t>(0, earlier.size())];
  Request request;
  request.caller.value = pick(0U, 2U);
  if (pick(0, 10) == 0) {
    const std::string id = random_id(now);
    request.lines = {{"VOID", id.empty() ? "id-0" : id, "accounts"}};
    return request;
  }
  request.id = random_id(now);
  request.transaction = pick(0, 4) == 0;
  const int calls = request.transaction ? pick(0, 4) : 1;
  for (int i = 0; i < calls; ++i) request.lines.push_back(random_line(request.transaction));
  if (!request.id.empty()) earlier.push_back(request);
  return request;
}

struct Node {
  std::unique_ptr<Store> store = make_memory_store();
  std::unique_ptr<TestHost> host = std::make_unique<TestHost>(*store, retain);
  std::unique_ptr<Machine> machine = std::make_unique<Machine>(commands(), *host);

  std::uint64_t version(const std::string& of) {
    return host->strong_state(accounts)->table.read(of, machine->time()).version;
  }
  void restart() {
    machine.reset();
    host = std::make_unique<TestHost>(*store, retain);
    machine = std::make_unique<Machine>(commands(), *host);
    host->restore(*machine);
  }
};

RC_GTEST_PROP(MachineModel, AnswersAsTheContractSaysAndAsARestartedTwinDoes, ()) {
  Node node;
  Node twin;
  Model model;
  Instant now = start;
  std::uint64_t position = 0;
  std::uint64_t counter = 0;
  std::vector<Request> earlier;
  std::vector<std::pair<Position, std::string>> since_checkpoint;  // of the twin
  std::map<std::string, std::pair<std::uint64_t, std::optional<std::string>>> seen;

  const auto entries = pick(1, 60);
  for (int e = 0; e < entries; ++e) {
    now += *rc::gen::element(Millis(0), Millis(1), Millis(20'000), Millis(2'000'000));
    std::vector<Request> requests;
    std::vector<std::string> expected;
    const auto operations = pick(1, 7);
    bool watches = pick(0, 3) == 0;
    for (int i = 0; i < operations; ++i) {
      Request request = random_request(now, earlier);
      bool changed = false;
      // Watched alone in its entry, so that the version before it is known.
      if (watches && operations == 1) {
        request.transaction = true;
        for (const auto& [k, version_and_value] : seen) {
          request.watched.emplace_back(k, version_and_value.first);
          const bool other_version = node.version(k) != version_and_value.first;
          RC_ASSERT(other_version || model.look(k) == version_and_value.second);
          changed = changed || other_version;
        }
        if (request.lines.size() == 1 && request.lines[0][0] == "VOID") request.lines.clear();
      }
      expected.push_back(expect(model, request, now, changed));
      requests.push_back(std::move(request));
    }
    EntryBuilder builder;
    for (const Request& request : requests) add(builder, request);
    const std::string entry = builder.take({1, ++counter}, now);

    Answers answers;
    Answers twins;
    RC_ASSERT(*node.machine->apply({++position}, entry, &answers));
    RC_ASSERT(*twin.machine->apply({position}, entry, &twins));
    since_checkpoint.emplace_back(Position{position}, entry);
    RC_ASSERT(answers.replies.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      RC_LOG() << describe(requests[i]) << " id=" << requests[i].id << "\n-> " << answers.replies[i]
               << "expected " << expected[i] << "\n";
      RC_ASSERT(matches(answers.replies[i], expected[i]));
    }
    RC_ASSERT(twins.replies == answers.replies);
    RC_ASSERT(twins.replays == answers.replays);

    if (pick(0, 5) == 0) {  // a copy lands
      RC_ASSERT(!*node.machine->apply({++position}, entry, nullptr));
      RC_ASSERT(!*twin.machine->apply({position}, entry, nullptr));
      since_checkpoint.emplace_back(Position{position}, entry);
    }
    if (pick(0, 3) == 0) {  // one sweeps, the other does not
      node.host->strong_state(accounts)->ids.expire(node.machine->time());
    }
    if (pick(0, 4) == 0) {
      twin.host->checkpoint(*twin.machine);
      since_checkpoint.clear();
    }
    if (pick(0, 4) == 0) {
      twin.restart();
      for (const auto& [at, bytes] : since_checkpoint)
        RC_ASSERT(twin.machine->apply(at, bytes, nullptr).has_value());
    }
    if (pick(0, 3) == 0) {
      const std::string k = *key();
      seen[k] = {node.version(k), model.look(k)};
    }
    RC_ASSERT(twin.host->digest(now) == node.host->digest(now));
    RC_ASSERT(twin.machine->encode() == node.machine->encode());
  }
}

}  // namespace
}  // namespace holdfast::strong
