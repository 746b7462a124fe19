// SPDX-License-Identifier: Apache-2.0
#include "strong/operation.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/limits.h"
#include "workflow/engine.h"

namespace holdfast::strong {
namespace {

// docs/formats/strong-entry.md
constexpr std::uint8_t version = 1;
constexpr std::size_t header_bytes = 1 + 8 + 8 + 8 + 4;
constexpr std::size_t varint_bytes_max = 10;
constexpr std::size_t length_bytes_max = 5;  // of what fits into an entry

enum OperationFlags : std::uint8_t {
  has_request_id = 1 << 0,
  has_caller = 1 << 1,
  has_watched = 1 << 2,
  attempt_bits = 7 << 3,
  known_flags = has_request_id | has_caller | has_watched | attempt_bits,
};
constexpr int attempt_shift = 3;

// A row "KEYSPACE CREATE" stands for two arguments. They are not in the entry:
// the row's number says them, and a retry that writes them in another case is
// still the same operation.
std::size_t name_words(const Row& row) {
  return row.name.find(' ') == std::string_view::npos ? 1 : 2;
}

bool arity_fits(const Row& row, std::size_t count) {
  const auto n = static_cast<std::int64_t>(count);
  return row.arity >= 0 ? n == row.arity : n >= -std::int64_t{row.arity};
}

// What is so long is appended, as room that is made first is filled with zeros first.
constexpr std::size_t appended_bytes_min = 1_KiB;
// Room that is made when there turns out to be too little.
constexpr std::size_t room_step = 4_KiB;

// Writes behind a string, into room that is made for all of it but what is long. Several times
// the speed of appending byte by byte.
class Writer {
 public:
  /// `bound`: of what will be written; `appended`: what of that is at least appended_bytes_min.
  Writer(std::string& body, std::size_t bound, std::size_t appended) : body_(body) {
    body_.reserve(body_.size() + bound + room_step);
    make_room(body_.size(), std::min(bound - appended, room_step));
  }
  /// Takes back what was not needed.
  void finish() { body_.resize(written()); }
  void u8(std::uint8_t v) {
    need(1);
    *p_++ = static_cast<char>(v);
  }
  void varint(std::uint64_t v) {
    need(varint_bytes_max);
    while (v >= 0x80) {
      *p_++ = static_cast<char>(v | 0x80);
      v >>= 7;
    }
    *p_++ = static_cast<char>(v);
  }
  void bytes(std::string_view s) {
    varint(s.size());
    if (s.size() >= appended_bytes_min) return append(s);
    need(s.size());
    std::memcpy(p_, s.data(), s.size());
    p_ += s.size();
  }

 private:
  std::size_t written() const { return static_cast<std::size_t>(p_ - body_.data()); }
  void need(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - p_) < bytes) make_room(written(), room_step);
  }
  void make_room(std::size_t at, std::size_t bytes) {
    body_.resize(at + bytes);
    p_ = body_.data() + at;
    end_ = p_ + bytes;
  }
  void append(std::string_view s) {
    finish();
    body_ += s;
    p_ = end_ = body_.data() + body_.size();
  }

  std::string& body_;
  char* p_ = nullptr;
  char* end_ = nullptr;
};

std::size_t appended_bytes(std::span<const EntryBuilder::Part> calls,
                           std::span<const Watched> watched) {
  std::size_t bytes = 0;
  const auto count = [&](std::string_view s) {
    if (s.size() >= appended_bytes_min) bytes += s.size();
  };
  for (const EntryBuilder::Part& call : calls) {
    for (const std::string_view arg : call.args) count(arg);
  }
  for (const Watched& one : watched) count(one.key);
  return bytes;
}

tl::unexpected<Error> corrupt(const char* what) {
  return fail(Code::corrupt, std::string("strong entry: ") + what);
}

}  // namespace

bool loggable(const Row& row, KeyspaceId keyspace, bool transaction) {
  if (row.code == 0 || (row.access == Access::catalog) != (keyspace.value == 0)) return false;
  if ((row.access == Access::workflow) != (keyspace == workflow::current_keyspace)) return false;
  switch (row.access) {
    case Access::read:
      return row.read != nullptr;
    case Access::write:
      return row.strong != nullptr;
    case Access::ids:
      return !transaction && (row.flags & flag_write_ids) != 0 && row.ids != nullptr;
    case Access::catalog:
    case Access::workflow:
      return !transaction && (row.flags & flag_write_catalog) != 0;
    case Access::function:  // one that only reads is logged as a part of something alone
      return transaction || (row.flags & flag_read_only) == 0;
    case Access::session:  // what is answered alike on any connection
      return transaction && row.read != nullptr;
    case Access::message:
      return row.strong != nullptr;
    case Access::node:  // over all keyspaces: one operation each (FLUSHALL)
      return !transaction && row.strong != nullptr;
    default:
      return false;
  }
}

std::size_t EntryBuilder::bytes_bound(std::string_view request_id, std::span<const Part> calls,
                                      std::span<const Watched> watched) {
  // Flags, keyspace, caller, id, count of watched keys, shape.
  std::size_t bound = 1 + 5 + 5 + 1 + request_id.size() + 5 + 5;
  for (const Watched& w : watched) bound += w.key.size() + length_bytes_max + varint_bytes_max;
  for (const Part& call : calls) {
    bound += 3 + length_bytes_max;  // code, count
    for (const std::string_view arg : call.args) bound += arg.size() + length_bytes_max;
  }
  return bound;
}

void EntryBuilder::add(KeyspaceId keyspace, ServiceId caller, std::string_view request_id,
                       std::span<const Part> calls, bool transaction,
                       std::span<const Watched> watched, Attempt attempt) {
  HF_ASSERT(operations_ < limits::entry_operations_max);
  HF_ASSERT(request_id.size() <= limits::request_id_bytes_max);
  HF_ASSERT(transaction ? keyspace.value != 0 : calls.size() == 1 && watched.empty());
  if (body_.empty()) {
    body_.reserve(last_bytes_ + last_bytes_ / 4);
    body_.resize(header_bytes);
  }
  Writer out(body_, bytes_bound(request_id, calls, watched), appended_bytes(calls, watched));

  std::uint8_t flags = 0;
  if (!request_id.empty()) flags |= has_request_id;
  if (caller.value != 0) flags |= has_caller;
  if (!watched.empty()) flags |= has_watched;
  HF_ASSERT(attempt == Attempt::only || (!transaction && calls[0].row->waits.timeout_at != 0));
  flags |= static_cast<std::uint8_t>(static_cast<int>(attempt) << attempt_shift);
  out.u8(flags);
  out.varint(keyspace.value);
  if (caller.value != 0) out.varint(caller.value);
  if (!request_id.empty()) out.bytes(request_id);
  if (!watched.empty()) {
    out.varint(watched.size());
    for (const Watched& w : watched) {
      out.bytes(w.key);
      out.varint(w.version);
    }
  }
  out.varint(transaction ? calls.size() + 1 : 0);
  for (const Part& call : calls) {
    HF_ASSERT(loggable(*call.row, keyspace, transaction));
    HF_ASSERT(arity_fits(*call.row, call.args.size()));
    const Args args = call.args.subspan(name_words(*call.row));
    out.varint(call.row->code);
    out.varint(args.size());
    for (const std::string_view arg : args) out.bytes(arg);
  }
  out.finish();
  ++operations_;
}

void EntryBuilder::drop_front(std::size_t operations, std::size_t end) {
  HF_ASSERT(operations <= operations_);
  if (operations == 0) return;
  const std::size_t bytes = end - dropped_ - header_bytes;
  HF_ASSERT(bytes <= body_.size() - header_bytes);
  body_.erase(header_bytes, bytes);
  dropped_ += bytes;
  operations_ -= operations;
}

std::string EntryBuilder::take(AppendName name, Instant time) {
  HF_ASSERT(operations_ > 0);
  char* p = body_.data();
  const std::int64_t ms = to_ms(time);
  const auto count = static_cast<std::uint32_t>(operations_);
  *p++ = static_cast<char>(version);
  std::memcpy(p, &name.incarnation, 8);
  std::memcpy(p + 8, &name.counter, 8);
  std::memcpy(p + 16, &ms, 8);
  std::memcpy(p + 24, &count, 4);
  last_bytes_ = body_.size();
  operations_ = 0;
  dropped_ = 0;
  std::string payload = std::move(body_);
  body_.clear();
  return payload;
}

Result<EntryReader> EntryReader::open(std::string_view payload) {
  EntryReader reader(payload);
  wire::Reader& in = reader.in_;
  const std::uint8_t found = in.u8();
  reader.name_.incarnation = in.u64();
  reader.name_.counter = in.u64();
  const auto ms = static_cast<std::int64_t>(in.u64());
  reader.operations_ = in.u32();
  if (!in.ok()) return corrupt("shorter than its header");
  if (found != version) return corrupt("a version that this build does not know");
  if (reader.operations_ == 0 || reader.operations_ > limits::entry_operations_max)
    return corrupt("its count of operations is out of range");
  if (reader.name_.counter == 0) return corrupt("its name has no counter");
  if (ms < 0 || ms > limits::entry_time_ms_max) return corrupt("its time is out of range");
  reader.time_ = instant_from_ms(ms);
  return reader;
}

Result<bool> EntryReader::next(const CommandTable& commands, Operation& operation) {
  if (read_ == operations_) {
    if (!in_.at_end()) return corrupt("bytes after the last operation");
    return false;
  }
  ++read_;
  const std::uint8_t flags = in_.u8();
  if ((flags & ~known_flags) != 0) return corrupt("an operation has unknown flags");
  const int attempt = (flags & attempt_bits) >> attempt_shift;
  if (attempt > static_cast<int>(Attempt::unblocked))
    return corrupt("an attempt that there is not");
  operation.attempt = static_cast<Attempt>(attempt);
  const std::uint64_t keyspace = in_.varint();
  const std::uint64_t caller = (flags & has_caller) != 0 ? in_.varint() : 0;
  if (keyspace > UINT32_MAX || caller > UINT32_MAX) return corrupt("a number is out of range");
  operation.keyspace.value = static_cast<std::uint32_t>(keyspace);
  operation.caller.value = static_cast<std::uint32_t>(caller);
  operation.request_id = (flags & has_request_id) != 0 ? in_.bytes() : std::string_view{};
  if ((flags & has_request_id) != 0 &&
      (operation.request_id.empty() ||
       operation.request_id.size() > limits::request_id_bytes_max)) {
    return corrupt("a request id is empty or too long");
  }
  operation.watched.clear();
  if ((flags & has_watched) != 0) {
    const std::uint64_t count = in_.varint();
    if (count == 0 || count > limits::watched_keys_max)
      return corrupt("too many or no watched keys");
    for (std::uint64_t i = 0; i < count && in_.ok(); ++i) {
      Watched& watched = operation.watched.emplace_back();
      watched.key = in_.bytes();
      watched.version = in_.varint();
    }
  }
  const char* const calls_begin = in_.cursor();
  const std::uint64_t shape = in_.varint();
  if (shape > limits::transaction_commands_max + 1) return corrupt("too many calls");
  operation.transaction = shape != 0;
  if (operation.transaction && keyspace == 0) return corrupt("a transaction of the catalog");
  if (!operation.transaction && !operation.watched.empty())
    return corrupt("watched keys without a transaction");
  const std::size_t count = shape == 0 ? 1 : static_cast<std::size_t>(shape - 1);
  // Every call takes two bytes at least: no room is made for what cannot come.
  if (count > in_.remaining() / 2) return corrupt("it ends within an operation");
  operation.calls.resize(count);
  for (Call& call : operation.calls) {
    if (Status read = read_call(commands, operation, call); !read)
      return tl::unexpected<Error>(std::move(read.error()));
  }
  if (!in_.ok()) return corrupt("it ends within an operation");
  if (operation.attempt != Attempt::only &&
      (operation.transaction || operation.calls[0].row->waits.timeout_at == 0)) {
    return corrupt("an attempt of what does not wait");
  }
  operation.fingerprint =
      operation.request_id.empty()
          ? 0
          : checksum({calls_begin, static_cast<std::size_t>(in_.cursor() - calls_begin)});
  return true;
}

Status EntryReader::read_call(const CommandTable& commands, const Operation& operation,
                              Call& call) {
  const std::uint64_t code = in_.varint();
  const std::uint64_t count = in_.varint();
  if (!in_.ok()) return corrupt("it ends within an operation");
  call.row = code > UINT16_MAX ? nullptr : commands.by_code(static_cast<std::uint16_t>(code));
  if (call.row == nullptr) return corrupt("a command that this build does not know");
  if (!loggable(*call.row, operation.keyspace, operation.transaction))
    return corrupt("a command that has no place there");
  const std::size_t words = name_words(*call.row);
  if (count > limits::arguments_max || !arity_fits(*call.row, words + count))
    return corrupt("a command has a wrong number of arguments");
  call.args.clear();
  if (words == 1) {
    call.args.push_back(call.row->name);
  } else {
    const std::size_t space = call.row->name.find(' ');
    call.args.push_back(call.row->name.substr(0, space));
    call.args.push_back(call.row->name.substr(space + 1));
  }
  for (std::uint64_t i = 0; i < count && in_.ok(); ++i) call.args.push_back(in_.bytes());
  return {};
}

}  // namespace holdfast::strong
