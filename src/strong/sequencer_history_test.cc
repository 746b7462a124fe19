// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "strong/sequencer.h"
#include "strong/test_host.h"
#include "strong/test_log.h"

// Random histories: connections that pipeline, a log that holds, fails, loses
// and lands later, another node that appends too. All write to one text, each
// a mark of its own, so that the text itself says what was applied, and in
// which order, and every read shows how far it had come.
namespace holdfast::strong {
namespace {

using namespace strong::testing;  // NOLINT: this folder's own

// At full width from the first case on: these worlds are small as they are.
template <typename T>
T pick(T from, T before) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, before));
}

constexpr std::size_t mark_bytes = 4;
constexpr Millis timeout{100};
const Instant noon = instant_from_ms(1'700'000'000'000);

struct Asked {
  std::uint64_t connection = 0;
  bool read = false;
  std::string mark;             // a write's
  std::size_t seen_before = 0;  // marks that others were told of before this was asked
  std::set<std::string> acknowledged_before;
  Monotonic deadline;
  std::string reply;  // empty: not answered
};

struct World final : ReplySink {
  World() { RC_ASSERT(sequencer.start().has_value()); }

  void complete(Ticket ticket, std::string_view reply, Replay) override {
    answered(ticket, std::string(reply));
  }
  void answered(Ticket ticket, std::string reply) {
    Asked& request = asked.at(static_cast<std::size_t>(ticket.sequence));
    RC_ASSERT(request.connection == ticket.connection);
    RC_ASSERT(request.reply.empty());  // once
    request.reply = std::move(reply);
    if (request.reply[0] == ':') acknowledged.insert(request.mark);
    if (request.reply[0] == '$') {
      const std::size_t shown = text_of(request.reply).size() / mark_bytes;
      longest_shown = std::max(longest_shown, shown);
    }
    ++answers;
  }
  static std::string text_of(const std::string& reply) {
    if (reply == "$-1\r\n") return "";
    const std::size_t start = reply.find("\r\n") + 2;
    return reply.substr(start, reply.size() - start - 2);
  }

  std::string next_mark() {
    std::string mark = std::to_string(++marks);
    mark.insert(0, mark_bytes - mark.size(), '0');
    return mark;
  }
  Asked& ask(std::uint64_t connection, bool read) {
    Asked& request = asked.emplace_back();
    request.connection = connection;
    request.read = read;
    request.seen_before = longest_shown;
    request.acknowledged_before = acknowledged;
    request.deadline = now + timeout;
    return request;
  }

  void write(std::uint64_t connection) {
    const Ticket ticket{connection, asked.size()};
    ask(connection, false).mark = next_mark();
    const Request request{.lines = {{"APPEND", "k", asked.back().mark}}};
    const Parts parts(request);
    const auto durability = *rc::gen::element(Durability::always, Durability::everysec);
    const Status taken = sequencer.write({.keyspace = accounts,
                                          .caller = {},
                                          .request_id = {},
                                          .calls = parts.calls,
                                          .durability = durability},
                                         ticket, now);
    RC_ASSERT(taken.has_value());
  }
  void read(std::uint64_t connection) {
    const Ticket ticket{connection, asked.size()};
    bool behind = false;  // as a session says: earlier ones are under way
    for (const Asked& each : asked)
      behind = behind || (each.connection == connection && each.reply.empty());
    ask(connection, true);
    std::string bytes;
    Reply reply(bytes);
    const auto run = [this](Reply& out) {
      const std::array<std::string_view, 2> args{"GET", "k"};
      row_of({"GET"})->read(host.strong_state(accounts)->table, machine.time(), args, out);
    };
    if (sequencer.read(behind, ticket, now, reply, run, [&] { return ReadNow(run); }))
      answered(ticket, bytes);
  }
  void write_elsewhere() {
    EntryBuilder builder;
    const std::string mark = next_mark();
    add(builder, {.lines = {{"APPEND", "k", mark}}});
    log.append_of_another(builder.take({99, ++foreign}, noon));
    acknowledged.insert(mark);  // there it is applied, and answered, at once
  }
  void step() {
    const auto connection = pick<std::uint64_t>(0, 3);
    switch (pick(0, 14)) {
      case 0:
      case 1:
      case 2:
        return write(connection);
      case 3:
      case 4:
      case 5:
        return read(connection);
      case 6:
        return write_elsewhere();
      case 7:
      case 8:
        if (log.under_way() > 0) log.land();
        return turn();
      case 9:
        if (log.under_way() > 0)
          log.fail(*rc::gen::element(Code::unavailable, Code::busy, Code::unknown));
        return turn();
      case 10:
        if (log.has_lost()) log.land_lost();
        return;
      case 11:
        log.answer_ends();
        return turn();
      case 12:
        now += *rc::gen::element(Millis(10), Millis(60));
        return turn();
      default:
        if (pick(0, 4) == 0) log.end_at_once = !log.end_at_once;
        if (pick(0, 4) == 0) log.hold_entries = !log.hold_entries;
        if (pick(0, 8) == 0) log.fail_ends();
        log.refusal =
            pick(0, 5) == 0 ? Status(fail(Code::unavailable, "the disk is full")) : Status();
        return turn();
    }
  }
  void turn() {
    sequencer.turn(noon, now);
    for (const Asked& request : asked)
      RC_ASSERT(!request.reply.empty() || request.deadline > now);  // within its deadline
  }
  void finish() {
    log.refusal = {};
    log.end_at_once = true;
    log.hold_entries = false;
    for (int i = 0; i < 3; ++i) {
      while (log.has_lost()) log.land_lost();
      log.answer_ends();
      log.land_all();
      turn();
    }
  }

  std::unique_ptr<Store> store = make_memory_store();
  TestHost host{*store};
  Machine machine{commands(), host};
  TestLog log;
  Monotonic now{};
  Sequencer sequencer{log,
                      machine,
                      *this,
                      {.incarnation = 7, .appends_in_flight_max = 3, .request_timeout = timeout}};
  std::vector<Asked> asked;  // by ticket
  std::set<std::string> acknowledged;
  std::size_t longest_shown = 0;
  std::size_t answers = 0;
  std::uint64_t foreign = 0;
  int marks = 0;
};

// Where each mark is in the text; each at most once.
std::map<std::string, std::size_t> places_of(const std::string& text) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < text.size(); i += mark_bytes)
    RC_ASSERT(places.emplace(text.substr(i, mark_bytes), i / mark_bytes).second);
  return places;
}

void check_write(const Asked& write, const std::map<std::string, std::size_t>& places) {
  const auto place = places.find(write.mark);
  if (write.reply[0] == ':') {
    RC_ASSERT(place != places.end());
    RC_ASSERT(write.reply == ":" + std::to_string((place->second + 1) * mark_bytes) + "\r\n");
  } else if (!write.reply.starts_with("-UNKNOWN ")) {
    RC_ASSERT(write.reply.starts_with("-UNAVAILABLE ") || write.reply.starts_with("-BUSY "));
    RC_ASSERT(place == places.end());
  }
}

void check_read(const Asked& read, const std::string& text,
                const std::map<std::string, std::size_t>& places) {
  if (read.reply[0] == '-') return RC_ASSERT(read.reply.starts_with("-UNAVAILABLE "));
  const std::string shown = World::text_of(read.reply);
  RC_ASSERT(text.starts_with(shown));
  const std::size_t count = shown.size() / mark_bytes;
  RC_ASSERT(count >= read.seen_before);
  for (const std::string& mark : read.acknowledged_before) RC_ASSERT(places.at(mark) < count);
}

RC_GTEST_PROP(SequencerHistory, IsLinearizableAndEveryTicketIsAnsweredOnce, ()) {
  World world;
  const auto steps = pick(1, 500);
  for (int i = 0; i < steps; ++i) world.step();
  world.finish();

  RC_ASSERT(world.answers == world.asked.size());
  RC_ASSERT(world.sequencer.idle());
  RC_ASSERT(world.sequencer.queued_bytes() == 0);
  const Value* value = world.host.strong_state(accounts)->table.find("k", noon);
  IntegerText room;
  const std::string text(value == nullptr ? std::string_view() : value->text(room));
  const auto places = places_of(text);
  for (const Asked& request : world.asked) {
    if (request.read) {
      check_read(request, text, places);
    } else {
      check_write(request, places);
    }
  }
  for (std::size_t i = 0; i < world.asked.size(); ++i) {
    const Asked& request = world.asked[i];
    RC_LOG() << i << " connection " << request.connection << (request.read ? " reads " : " writes ")
             << request.mark << " seen before " << request.seen_before << ": "
             << request.reply.substr(0, 12) << "\n";
  }
  // The commands of one connection took effect in the order sent: of its
  // writes, each lies behind those before it, and its reads between them.
  for (std::uint64_t connection = 0; connection < 3; ++connection) {
    std::size_t reached = 0;
    for (const Asked& request : world.asked) {
      if (request.connection != connection) continue;
      if (request.read && request.reply[0] == '$') {
        const std::size_t count = World::text_of(request.reply).size() / mark_bytes;
        RC_ASSERT(count >= reached);
        reached = count;
      } else if (!request.read && request.reply[0] == ':') {
        RC_ASSERT(places.at(request.mark) >= reached);
        reached = places.at(request.mark) + 1;
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::strong
