// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "mesh/frame.h"
#include "mesh/hello.h"
#include "table/store.h"

namespace holdfast::mesh {

/// A checkpoint on its way from one node to another: what is said, and in which
/// order (docs/formats/checkpoint-stream.md). Pure: bytes in, bytes out.

enum class Refusal : std::uint8_t {
  busy = 1,  // later, or another node
  refused,   // not this asker, not here
  failed,    // the sender's own trouble
};
/// What a frame of type error says: an error with its text, kCorrupt if it is none.
Error read_error(const Frame& frame);
void put_error(FrameWriter& writer, std::string& out, Refusal refusal, std::string_view text);

/// The answer to a greeting that is met.
struct Begin {
  std::string node;  // who sends
  Position position;
  std::uint64_t rows_estimate = 0;  // to tell progress by
  bool operator==(const Begin&) const = default;
};

/// What both ends add up, to be equal at the end.
struct Totals {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;     // of keys and values
  std::uint64_t checksum = 0;  // over all rows in their order
  void add(Family family, std::string_view key, std::string_view value);
  bool operator==(const Totals&) const = default;
};

/// Makes the sender's frames. An error is the sink's, after which nothing more
/// is written.
class CheckpointWriter {
 public:
  /// Takes one whole frame; the bytes are good during the call.
  using Sink = std::function<Status(std::string_view frame)>;
  /// `frames`: of a connection on which something was written already.
  explicit CheckpointWriter(Sink sink, FrameWriter frames = {})
      : sink_(std::move(sink)), frames_(frames) {}

  Status begin(const Begin& begin);
  /// Rows come in the order of families, then of keys.
  Status row(Family family, std::string_view key, std::string_view value);
  /// Sends what is gathered, if only to say that the sender is at work.
  Status flush();
  Status end();
  Status error(Refusal refusal, std::string_view text);
  const Totals& totals() const { return totals_; }

 private:
  Status put(FrameType type, std::string_view body);
  Status put_pieces(Family family, std::string_view key, std::string_view value);

  Sink sink_;
  FrameWriter frames_;
  std::string frame_;
  std::string rows_;  // the body of the frame being gathered; empty: none
  Totals totals_;
};

/// Reads them. Checks everything before it gives a row, and the whole at the end.
class CheckpointReader {
 public:
  using EachRow =
      std::function<Status(Family family, std::string_view key, std::string_view value)>;
  /// `frames`: likewise, read; bytes may lie in it.
  explicit CheckpointReader(EachRow each, FrameReader frames = FrameReader())
      : each_(std::move(each)), frames_(std::move(frames)) {}

  /// Where to put bytes; then received() says how many came.
  std::span<char> room() { return frames_.room(); }
  /// kCorrupt: not what a sender wrote. kBusy, kErr, kUnavailable: the sender's
  /// refusal (busy, refused, failed). Else `each`'s error. Ends the stream.
  Status received(std::size_t n);
  /// The connection has ended: an error unless the stream had.
  Status closed() const;

  const std::optional<Begin>& begun() const { return begun_; }
  bool ended() const { return ended_; }
  const Totals& totals() const { return totals_; }

 private:
  Status take(const Frame& frame);
  Status take_begin(std::string_view body);
  Status take_rows(std::string_view body);
  Status take_piece(std::string_view body);
  Status take_end(std::string_view body);
  Status row(Family family, std::string_view key, std::string_view value);

  EachRow each_;
  FrameReader frames_;
  std::optional<Begin> begun_;
  bool ended_ = false;
  bool any_row_ = false;
  Family family_{};       // of the last row
  std::string last_key_;  // and its key
  bool amid_row_ = false;
  Family piece_family_{};
  std::string piece_key_;
  std::string piece_value_;
  Totals totals_;
};

}  // namespace holdfast::mesh
