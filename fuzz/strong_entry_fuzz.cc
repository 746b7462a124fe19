// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "strong/operation.h"
#include "strong/test_host.h"

// Any bytes as an entry of the strong log: refused as corrupt, or read; what
// was read is written and read again as the same; and what is an entry, the
// machine applies, whatever its commands' arguments are.
namespace {

using namespace holdfast;          // NOLINT: a program of one file
using namespace holdfast::strong;  // NOLINT

// A few bytes of these make half a gigabyte, as they should.
bool grows_at_will(const Operation& operation) {
  for (const Call& call : operation.calls) {
    if (call.row->name == "SETRANGE" || call.row->name == "SETBIT") return true;
  }
  return false;
}

bool same(const Operation& a, const Operation& b) {
  if (a.keyspace != b.keyspace || a.caller != b.caller || a.request_id != b.request_id ||
      a.transaction != b.transaction || a.calls.size() != b.calls.size() ||
      a.watched.size() != b.watched.size() || a.attempt != b.attempt) {
    return false;
  }
  for (std::size_t i = 0; i < a.calls.size(); ++i) {
    if (a.calls[i].row != b.calls[i].row || a.calls[i].args != b.calls[i].args) return false;
  }
  for (std::size_t i = 0; i < a.watched.size(); ++i) {
    if (a.watched[i].key != b.watched[i].key || a.watched[i].version != b.watched[i].version)
      return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const CommandTable& commands = strong::testing::commands();
  Result<EntryReader> reader = EntryReader::open(bytes);
  if (!reader) return 0;
  std::vector<Operation> operations;
  bool apply = true;
  for (;;) {
    Operation operation;
    const Result<bool> more = reader->next(commands, operation);
    if (!more) {
      HF_ASSERT(more.error().code == Code::corrupt);
      return 0;
    }
    if (!*more) break;
    apply = apply && !grows_at_will(operation);
    operations.push_back(std::move(operation));
  }

  EntryBuilder builder;
  for (const Operation& operation : operations) {
    std::vector<EntryBuilder::Part> parts;
    for (const Call& call : operation.calls) parts.push_back({call.row, call.args});
    builder.add(operation.keyspace, operation.caller, operation.request_id, parts,
                operation.transaction, operation.watched, operation.attempt);
  }
  const std::string again = builder.take(reader->name(), reader->time());
  Result<EntryReader> second = EntryReader::open(again);
  HF_ASSERT(second && second->operations() == operations.size());
  Operation operation;
  for (const Operation& expected : operations) {
    const Result<bool> more = second->next(commands, operation);
    HF_ASSERT(more && *more && same(operation, expected));
  }

  if (!apply) return 0;
  const std::unique_ptr<Store> store = make_memory_store();
  strong::testing::TestHost host(*store);
  Machine machine(commands, host);
  HF_ASSERT(machine.apply({1}, bytes, nullptr));
  return 0;
}
