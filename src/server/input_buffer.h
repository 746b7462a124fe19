// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/units.h"

namespace holdfast::server {

/// The bytes a connection has sent and its session has not consumed, in one
/// piece, so that requests can be views into it. Grows only by bytes that came:
/// at most twice their number and read_buffer_bytes. Stays large while large
/// requests come, up to kept_bytes_max: growing anew would copy each of them.
class InputBuffer {
 public:
  /// Where to put the next bytes; never empty. Moves what is unread: views into
  /// unread() are void afterwards.
  std::span<char> room();
  /// The first n bytes of room() were filled.
  void filled(std::size_t n);

  /// The first n bytes of room(), which have come there, before they are filled().
  std::string_view coming(std::size_t n) const { return {bytes_.get() + end_, n}; }
  std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t n);

  std::size_t capacity() const { return capacity_; }

  /// Whether it is empty and has more room than one that nothing came through yet.
  bool has_spare_room() const;
  /// The next room() of an empty one has no more than that.
  void give_back() { gives_back_ = true; }

 private:
  static constexpr std::size_t kept_bytes_max = 256_KiB;
  // After so many fillings that would have found their room in a small one it is small again.
  static constexpr int small_fillings_max = 16;

  void be_small();
  void resize(std::size_t capacity);

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  int small_fillings_ = 0;  // in a row
  bool gives_back_ = false;
};

}  // namespace holdfast::server
