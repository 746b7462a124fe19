// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "command/messages.h"
#include "mesh/frame.h"

namespace holdfast::mesh {

/// Published messages on their way to a peer: a stream of them, cut into frames, since one may be
/// longer than a frame. Since version 4 of the protocol (docs/formats/mesh.md).
class MessagesOut {
 public:
  /// False, and nothing added: there are too many that were not sent yet.
  bool add(const Message& message);
  /// Puts them into frames until `out` has `bytes_max`. Whether that left nothing.
  bool pump(FrameWriter& frames, std::string& out, std::size_t bytes_max);
  /// The connection is gone, and what was for it.
  void clear() { *this = {}; }
  bool empty() const { return begin_ == stream_.size(); }

 private:
  std::string stream_;
  std::size_t begin_ = 0;  // of what is in no frame yet
};

/// The other end.
class MessagesIn {
 public:
  void take(std::string_view body) { stream_.append(body); }
  /// The next whole one; its views hold until take(). Nothing: more must come first. kCorrupt: it
  /// is none.
  Result<std::optional<Message>> next();

 private:
  std::string stream_;
  std::size_t begin_ = 0;
};

}  // namespace holdfast::mesh
