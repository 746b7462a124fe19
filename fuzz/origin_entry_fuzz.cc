// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "eventual/origin_entry.h"
#include "eventual/test_lines.h"

// Any bytes as an entry of an origin's log: refused as corrupt, or read; what
// was read is written and read again as the same; and what is an entry, a
// replica with peers and one without merge, whatever its effects, into a state
// that outlives a checkpoint.
namespace {

using namespace holdfast;                     // NOLINT: a program of one file
using namespace holdfast::eventual;           // NOLINT
using namespace holdfast::eventual::testing;  // NOLINT

std::string write_again(EntryReader reader) {
  EntryWriter writer;
  writer.open(reader.origin(), reader.first_sequence(), reader.seen());
  EntryReader::Operation operation;
  while (reader.next(operation)) {
    writer.begin(operation.head);
    EffectReader effects(operation.effects);
    MergedEffect effect;
    while (effects.next(effect)) writer.effect(effect);
    writer.commit(operation.reply);
  }
  return writer.take();
}

void merge(TestReplica& replica, std::string_view payload, const EntryReader& entry) {
  // Something to be concurrent with, seen by nobody.
  replica.wall = entry.last_time().wall();
  replica.write(set("k", "5"));
  replica.write(hset("h", "f", "v"), "id");
  const Status received = replica.receive(entry.origin(), std::string(payload));
  if (!received) {
    HF_ASSERT(received.error().code == Code::unavailable || received.error().code == Code::busy);
    return;
  }
  const VersionVector merged = replica.replica().merged();
  const std::uint64_t digest = replica.replica().digest(likes, replica.wall);
  replica.checkpoint();
  replica.restart();
  HF_ASSERT(replica.replica().digest(likes, replica.wall) == digest);
  replica.replica().acknowledged(OriginId{2}, merged);
  while (replica.replica().tidy(replica.wall)) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const Result<EntryReader> entry = EntryReader::open(payload);
  if (!entry) {
    HF_ASSERT(entry.error().code == Code::corrupt);
    return 0;
  }
  HF_ASSERT(origin_of(payload) == entry->origin());
  const std::string again = write_again(*entry);
  const Result<EntryReader> read_again = EntryReader::open(again);
  HF_ASSERT(read_again);
  HF_ASSERT(write_again(*read_again) == again);

  constexpr std::uint64_t self = 1'000'001;  // no entry of the corpus is its own
  if (entry->origin().value == self) return 0;
  TestReplica alone(self);
  merge(alone, payload, *entry);
  TestReplica with_peers(self, origins({2}));
  merge(with_peers, payload, *entry);
  return 0;
}
