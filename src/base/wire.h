// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace holdfast::wire {

/// The primitives of all our formats on disk and wire: little-endian fixed
/// integers, LEB128 varints, and byte strings with a varint length in front.

inline void put_u8(std::string& out, std::uint8_t v) {
  out.push_back(static_cast<char>(v));
}

inline void put_u32(std::string& out, std::uint32_t v) {
  char b[4];
  std::memcpy(b, &v, 4);  // every platform Debian 12 offers us is little-endian
  out.append(b, 4);
}

inline void put_u64(std::string& out, std::uint64_t v) {
  char b[8];
  std::memcpy(b, &v, 8);
  out.append(b, 8);
}

inline void put_varint(std::string& out, std::uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}

/// Signed varint, zigzag: small magnitudes are short.
inline void put_signed(std::string& out, std::int64_t v) {
  put_varint(out, (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
}

inline void put_bytes(std::string& out, std::string_view bytes) {
  put_varint(out, bytes.size());
  out.append(bytes);
}

/// Reads what the functions above wrote. The first malformed or missing field
/// makes it bad for good: every later read gives zero or empty, so a decoder
/// reads all its fields and asks ok() once. Views point into the input.
class Reader {
 public:
  explicit Reader(std::string_view input) : p_(input.data()), end_(p_ + input.size()) {}

  bool ok() const { return ok_; }
  bool at_end() const { return p_ == end_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - p_); }
  const char* cursor() const { return p_; }

  std::uint8_t u8() {
    if (remaining() < 1) return bad();
    return static_cast<std::uint8_t>(*p_++);
  }
  std::uint32_t u32() {
    std::uint32_t v = 0;
    return fixed(&v, 4) ? v : 0;
  }
  std::uint64_t u64() {
    std::uint64_t v = 0;
    return fixed(&v, 8) ? v : 0;
  }
  std::uint64_t varint() {
    if (p_ != end_ && static_cast<std::uint8_t>(*p_) < 0x80)
      return static_cast<std::uint8_t>(*p_++);
    return long_varint();
  }
  std::int64_t signed_varint() {
    const std::uint64_t z = varint();
    return static_cast<std::int64_t>(z >> 1) ^ -static_cast<std::int64_t>(z & 1);
  }
  std::string_view bytes() { return raw(varint()); }
  std::string_view raw(std::uint64_t n) {
    if (n > remaining()) {
      bad();
      return {};
    }
    std::string_view v(p_, n);
    p_ += n;
    return v;
  }

 private:
  std::uint8_t bad() {
    ok_ = false;
    p_ = end_;
    return 0;
  }
  bool fixed(void* v, std::size_t n) {
    if (remaining() < n) {
      bad();
      return false;
    }
    std::memcpy(v, p_, n);
    p_ += n;
    return true;
  }
  std::uint64_t long_varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (p_ == end_) return bad();
      const auto b = static_cast<std::uint8_t>(*p_++);
      if (shift == 63 && b > 1) return bad();  // over 64 bits
      v |= static_cast<std::uint64_t>(b & 0x7F) << shift;
      if (b < 0x80) return v;
    }
    return bad();
  }

  const char* p_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace holdfast::wire
