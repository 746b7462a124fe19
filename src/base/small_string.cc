// SPDX-License-Identifier: Apache-2.0
#include "base/small_string.h"

#include <cstring>
#include <limits>

#include "base/assert.h"

namespace holdfast {

template <typename Memory>
BasicSmallString<Memory>::BasicSmallString(std::string_view text) {
  if (text.size() <= inline_max) {
    if (!text.empty()) std::memcpy(inline_.bytes, text.data(), text.size());
    inline_.length = static_cast<std::uint8_t>(text.size());
    return;
  }
  HF_ASSERT(text.size() <= std::numeric_limits<std::uint32_t>::max());
  char* bytes = Memory::take(text.size());
  std::memcpy(bytes, text.data(), text.size());
  heap_ = Heap{bytes, static_cast<std::uint32_t>(text.size()), {}, heap_tag};
}

template <typename Memory>
BasicSmallString<Memory> BasicSmallString<Memory>::padded(std::string_view text, std::size_t size) {
  HF_ASSERT(text.size() <= size && size <= std::numeric_limits<std::uint32_t>::max());
  BasicSmallString made;
  if (size <= inline_max) {
    made.inline_.length = static_cast<std::uint8_t>(size);
  } else {
    made.heap_ = Heap{Memory::take(size), static_cast<std::uint32_t>(size), {}, heap_tag};
  }
  char* const bytes = made.bytes().data();
  if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
  std::memset(bytes + text.size(), 0, size - text.size());
  return made;
}

template <typename Memory>
BasicSmallString<Memory>::BasicSmallString(const BasicSmallString& other)
    : BasicSmallString(other.view()) {}

template <typename Memory>
BasicSmallString<Memory>& BasicSmallString<Memory>::operator=(const BasicSmallString& other) {
  if (this != &other) *this = BasicSmallString(other.view());
  return *this;
}

template <typename Memory>
BasicSmallString<Memory>& BasicSmallString<Memory>::operator=(BasicSmallString&& other) noexcept {
  if (this != &other) {
    release();
    std::memcpy(static_cast<void*>(this), static_cast<const void*>(&other), sizeof(*this));
    other.inline_.length = 0;
  }
  return *this;
}

template <typename Memory>
std::size_t BasicSmallString<Memory>::size() const noexcept {
  return on_heap() ? heap_.length : inline_.length;
}

template <typename Memory>
std::size_t BasicSmallString<Memory>::heap_bytes() const noexcept {
  return on_heap() ? heap_.length : 0;
}

template class BasicSmallString<HeapMemory>;
template class BasicSmallString<SpillingMemory>;

}  // namespace holdfast
