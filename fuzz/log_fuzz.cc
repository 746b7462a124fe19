// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/logging.h"
#include "log/disk_log.h"
#include "log/fault_file_system.h"
#include "log/record.h"
#include "log/segment.h"

// The first byte chooses what the rest is:
// 0  a segment file as it stands: any bytes are refused or read, never believed.
// 1  records' fields, to which right checksums are added: whatever intact
//    records claim, the log opens to positions without a gap or refuses.
// 2  a story: appends, syncs, restarts, then harm to the file. What is served
//    after it was appended, in order, from the first; else it is refused.
namespace {

using namespace holdfast;  // NOLINT: a program of one file

constexpr std::uint64_t log_id = 5;
constexpr std::size_t file_bytes = 2048;
const std::string first_file = "/log/0000000001.log";

const DiskLogOptions options{.directory = "/log",
                             .segment_bytes = file_bytes,
                             .segment_bytes_first = file_bytes,
                             .own_threads = false,
                             .log_id = log_id};

using Entries = std::vector<std::string>;

// Opens the log twice: what it showed once it shows again.
void open_and_check(FaultFileSystem& files, const Entries* appended) {
  for (int round = 0; round < 2; ++round) {
    const auto log = DiskLog::open(files, options);
    if (!log) {
      HF_ASSERT(log.error().code == Code::corrupt && !log.error().message.empty());
      return;
    }
    const Position before{(*log)->first().value - 1};
    Position last = before;
    const Status replayed =
        (*log)->replay(before, [&](Position position, std::string_view payload) -> Status {
          HF_ASSERT(position == last.next());
          last = position;
          if (appended != nullptr) HF_ASSERT(appended->at(position.value - 1) == payload);
          return {};
        });
    HF_ASSERT(replayed && last == (*log)->last());
    HF_ASSERT(round == 0 || !(*log)->tail_was_cut());
  }
}

void raw(std::string_view input) {
  FaultFileSystem files;
  files.set_content(first_file, std::string(input));
  open_and_check(files, nullptr);
}

struct Input {
  std::string_view rest;
  std::uint8_t byte() {
    if (rest.empty()) return 0;
    const auto b = static_cast<std::uint8_t>(rest.front());
    rest.remove_prefix(1);
    return b;
  }
};

void records(Input input) {
  std::string file = log_format::encode({.log_id = log_id, .number = 1, .bytes = file_bytes});
  while (!input.rest.empty() && file.size() + 512 < file_bytes) {
    const log_format::Place place{.log_id = log_id, .segment = 1, .offset = file.size()};
    const auto kind = static_cast<log_format::Kind>(input.byte() % 8);
    std::uint64_t position = input.byte();
    if (position == 255) position = UINT64_MAX - input.byte();
    const std::uint64_t synced = input.byte();
    const std::string payload(input.byte() % 64 == 0 ? 200 : 0, 'p');
    log_format::put_record(file, kind, {position}, {synced}, payload, place);
    if (input.byte() % 16 == 0) file.resize(file.size() + 8);  // a hole
  }
  file.resize(file_bytes);
  FaultFileSystem files;
  files.set_content(first_file, file);
  open_and_check(files, nullptr);
}

void story(Input input) {
  FaultFileSystem files(input.byte());
  auto log = std::move(*DiskLog::open(files, options));
  Entries entries;
  for (int steps = input.byte() % 64; steps > 0; --steps) {
    const std::uint8_t step = input.byte();
    if (step < 200) {
      entries.push_back(std::to_string(entries.size()) + std::string(step % 128 * 4u, 'e'));
      const auto durability = step % 2 == 0 ? Durability::always : Durability::everysec;
      HF_ASSERT(log->append(entries.back(), durability));
    } else if (step < 240) {
      log->sync_now();
    } else {
      if (step % 2 == 0) HF_ASSERT(log->close());
      log.reset();
      log = std::move(*DiskLog::open(files, options));
      HF_ASSERT(log->last().value == entries.size());
    }
  }
  log.reset();
  while (!input.rest.empty()) {
    const auto paths = files.paths();
    const std::string& path = paths[input.byte() % paths.size()];
    std::string content = files.content(path);
    const std::size_t at = (input.byte() * 256u + input.byte()) % (content.size() + 1);
    const std::uint8_t harm = input.byte();
    if (harm < 100) {
      if (at < content.size()) content[at] = static_cast<char>(content[at] ^ (1 << (harm % 8)));
    } else if (harm < 200) {  // a sector that was not written, or written with another's bytes
      const std::size_t from = at / 512 * 512;
      const std::size_t size = std::min<std::size_t>(512, content.size() - from);
      const std::size_t other = harm % 2 == 0 ? 0 : from / 2 / 512 * 512;
      content.replace(
          from, size,
          harm % 2 == 0 ? std::string(size, '\0') : std::string(content.substr(other, size)));
    } else {
      content.resize(at);
    }
    files.set_content(path, content);
  }
  open_and_check(files, &entries);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] static const bool quiet = [] {
    logging::configure(logging::Level::error, logging::Format::text);
    return true;
  }();
  if (size == 0 || size > 64'000) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  switch (input[0]) {
    case 0:
      raw(input.substr(1));
      break;
    case 1:
      records({input.substr(1)});
      break;
    default:
      story({input.substr(1)});
      break;
  }
  return 0;
}
