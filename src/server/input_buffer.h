// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace holdfast::server {

/// The bytes a connection has sent and its session has not consumed, in one
/// piece, so that requests can be views into it. Grows only by bytes that came:
/// at most twice their number and read_buffer_bytes.
class InputBuffer {
 public:
  /// Where to put the next bytes; never empty. Moves what is unread: views into
  /// unread() are void afterwards.
  std::span<char> room();
  /// The first n bytes of room() were filled.
  void filled(std::size_t n);

  std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t n);

  std::size_t capacity() const { return capacity_; }

 private:
  void resize(std::size_t capacity);

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace holdfast::server
