// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "dedup/rows.h"

// Any bytes as a page of request ids, and as what describes a keyspace's: refused
// as corrupt, or read; what was read is written and read again as the same.
namespace {

using namespace holdfast;         // NOLINT: a program of one file
using namespace holdfast::dedup;  // NOLINT

std::string write_page(const std::vector<Entry>& entries, Instant base) {
  std::string page;
  start_page(page, base);
  for (const Entry& entry : entries) append_entry(page, base, entry);
  return page;
}

void fuzz_page(std::string_view bytes) {
  std::vector<Entry> entries;
  if (const Status read = read_page(bytes, entries); !read) {
    HF_ASSERT(read.error().code == Code::corrupt);
    return;
  }
  const std::string page = write_page(entries, Instant{});
  std::vector<Entry> again;
  HF_ASSERT(read_page(page, again));
  HF_ASSERT(write_page(again, Instant{}) == page);
}

void fuzz_meta(std::string_view bytes) {
  Meta meta;
  Window window;
  if (const Status read = decode_meta(bytes, meta, window); !read) {
    HF_ASSERT(read.error().code == Code::corrupt);
    return;
  }
  const std::string written = encode_meta(meta, window);
  Meta again;
  Window window_again;
  HF_ASSERT(decode_meta(written, again, window_again));
  HF_ASSERT(encode_meta(again, window_again) == written);
  HF_ASSERT(window_again.ids() == window.ids());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_page(bytes);
  fuzz_meta(bytes);
  return 0;
}
