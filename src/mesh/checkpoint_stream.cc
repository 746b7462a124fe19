// SPDX-License-Identifier: Apache-2.0
#include "mesh/checkpoint_stream.h"

#include <fmt/format.h>

#include <tuple>
#include <utility>

#include "base/checksum.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

constexpr std::uint8_t stream_version = 1;  // of what follows the greeting

tl::unexpected<Error> damaged(std::string what) {
  return fail(Code::corrupt, "the checkpoint's stream: " + std::move(what));
}

bool is_family(std::uint8_t family) {
  return family < family_count;
}

std::size_t varint_bytes(std::uint64_t v) {
  std::size_t n = 1;
  for (; v >= 0x80; v >>= 7) ++n;
  return n;
}

Code code_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::busy:
      return Code::busy;
    case Refusal::refused:
      return Code::err;
    case Refusal::failed:
      return Code::unavailable;
  }
  return Code::unavailable;
}

Status take_error(std::string_view body) {
  wire::Reader in(body);
  const auto refusal = static_cast<Refusal>(in.u8());
  const std::string_view text = in.bytes();
  if (!in.ok() || !in.at_end() || refusal < Refusal::busy || refusal > Refusal::failed ||
      text.size() > limits::mesh_error_bytes_max) {
    return damaged("a malformed refusal");
  }
  return fail(code_of(refusal), printable(text));
}

}  // namespace

Error read_error(const Frame& frame) {
  return take_error(frame.body).error();
}

void put_error(FrameWriter& writer, std::string& out, Refusal refusal, std::string_view text) {
  std::string body;
  wire::put_u8(body, static_cast<std::uint8_t>(refusal));
  wire::put_bytes(body, text.substr(0, limits::mesh_error_bytes_max));
  writer.put(out, FrameType::error, body);
}

void Totals::add(Family family, std::string_view key, std::string_view value) {
  ++rows;
  bytes += key.size() + value.size();
  // Each is the seed of the next, so that order and borders count, too.
  const std::uint64_t with_key =
      holdfast::checksum(key, checksum + static_cast<std::uint8_t>(family));
  checksum = holdfast::checksum(value, with_key);
}

Status CheckpointWriter::put(FrameType type, std::string_view body) {
  frame_.clear();
  frames_.put(frame_, type, body);
  return sink_(frame_);
}

Status CheckpointWriter::begin(const Begin& begin) {
  std::string body;
  wire::put_u8(body, stream_version);
  wire::put_bytes(body, begin.node);
  wire::put_u64(body, begin.position.value);
  wire::put_u64(body, begin.rows_estimate);
  return put(FrameType::begin, body);
}

Status CheckpointWriter::row(Family family, std::string_view key, std::string_view value) {
  if (key.size() > limits::mesh_row_key_bytes_max || value.size() > limits::mesh_row_bytes_max) {
    return fail(Code::corrupt, fmt::format("a row of {} and {} bytes, larger than any can be",
                                           key.size(), value.size()));
  }
  const std::size_t room =
      varint_bytes(key.size()) + key.size() + varint_bytes(value.size()) + value.size();
  const auto of = static_cast<char>(family);
  const bool fits = rows_.size() + room <= limits::mesh_frame_bytes_max;
  if (!rows_.empty() && (!fits || rows_.front() != of)) {
    if (Status s = flush(); !s) return s;
  }
  totals_.add(family, key, value);
  if (1 + room > limits::mesh_frame_bytes_max) return put_pieces(family, key, value);
  if (rows_.empty()) rows_.push_back(of);
  wire::put_bytes(rows_, key);
  wire::put_bytes(rows_, value);
  return {};
}

Status CheckpointWriter::put_pieces(Family family, std::string_view key, std::string_view value) {
  std::string head;
  wire::put_u8(head, static_cast<std::uint8_t>(family));
  wire::put_u8(head, 0);
  wire::put_bytes(head, key);
  const std::size_t room = limits::mesh_frame_bytes_max - head.size();
  std::string body;
  while (true) {
    const std::string_view piece = value.substr(0, room);
    value.remove_prefix(piece.size());
    head[1] = value.empty() ? 1 : 0;
    body = head;
    body.append(piece);
    if (Status s = put(FrameType::piece, body); !s) return s;
    if (value.empty()) return {};
  }
}

Status CheckpointWriter::flush() {
  // Nothing gathered: a frame with no row, of the family that orders with all.
  if (rows_.empty()) rows_.push_back(static_cast<char>(Family::meta));
  Status sent = put(FrameType::rows, rows_);
  rows_.clear();
  return sent;
}

Status CheckpointWriter::end() {
  if (!rows_.empty()) {
    if (Status s = flush(); !s) return s;
  }
  std::string body;
  wire::put_u64(body, totals_.rows);
  wire::put_u64(body, totals_.bytes);
  wire::put_u64(body, totals_.checksum);
  return put(FrameType::end, body);
}

Status CheckpointWriter::error(Refusal refusal, std::string_view text) {
  frame_.clear();
  put_error(frames_, frame_, refusal, text);
  return sink_(frame_);
}

Status CheckpointReader::received(std::size_t n) {
  frames_.received(n);
  while (true) {
    const auto frame = frames_.next();
    if (!frame) return tl::unexpected(frame.error());
    if (!*frame) break;
    if (Status s = take(**frame); !s) return s;
  }
  if (ended_ && frames_.amid_frame()) return damaged("bytes behind its end");
  return {};
}

Status CheckpointReader::closed() const {
  if (ended_) return {};
  return fail(Code::unavailable, begun_ ? "the connection ended amid the checkpoint"
                                        : "the connection ended without a checkpoint");
}

Status CheckpointReader::take(const Frame& frame) {
  if (ended_) return damaged("a frame behind its end");
  if (frame.type == FrameType::error) return take_error(frame.body);
  if (begun_.has_value() == (frame.type == FrameType::begin)) {
    return damaged(begun_ ? "it begins twice" : "it does not begin with its position");
  }
  if (amid_row_ && frame.type != FrameType::piece) return damaged("a row without its last piece");
  switch (frame.type) {
    case FrameType::begin:
      return take_begin(frame.body);
    case FrameType::rows:
      return take_rows(frame.body);
    case FrameType::piece:
      return take_piece(frame.body);
    case FrameType::end:
      return take_end(frame.body);
    case FrameType::hello:
    case FrameType::error:
    case FrameType::report:
    case FrameType::entries:
    case FrameType::part:
    case FrameType::challenge:
    case FrameType::signed_in:
    case FrameType::places:
    case FrameType::packed:
    case FrameType::question:
    case FrameType::answer:
    case FrameType::messages:
    case FrameType::listens:
    case FrameType::told:
      break;
  }
  return damaged("a frame that has no place in it");
}

Status CheckpointReader::take_begin(std::string_view body) {
  wire::Reader in(body);
  const std::uint8_t version = in.u8();
  if (in.ok() && version != stream_version) {
    return damaged(fmt::format("version {}, where this node speaks {}", version, stream_version));
  }
  Begin begin;
  begin.node = printable(in.bytes());
  begin.position.value = in.u64();
  begin.rows_estimate = in.u64();
  if (!in.ok() || !in.at_end() || begin.node.size() > limits::mesh_name_bytes_max) {
    return damaged("a malformed beginning");
  }
  begun_ = std::move(begin);
  return {};
}

Status CheckpointReader::row(Family family, std::string_view key, std::string_view value) {
  if (key.size() > limits::mesh_row_key_bytes_max) return damaged("a key larger than any can be");
  if (any_row_ && std::tie(family, key) <= std::tuple(family_, std::string_view(last_key_))) {
    return damaged("rows out of their order");
  }
  any_row_ = true;
  family_ = family;
  last_key_ = key;
  totals_.add(family, key, value);
  return each_(family, key, value);
}

Status CheckpointReader::take_rows(std::string_view body) {
  wire::Reader in(body);
  const std::uint8_t family = in.u8();
  if (!in.ok() || !is_family(family)) return damaged("rows of no family");
  while (!in.at_end()) {
    const std::string_view key = in.bytes();
    const std::string_view value = in.bytes();
    if (!in.ok()) break;
    if (Status s = row(static_cast<Family>(family), key, value); !s) return s;
  }
  return in.ok() ? Status() : damaged("a malformed row");
}

Status CheckpointReader::take_piece(std::string_view body) {
  wire::Reader in(body);
  const std::uint8_t family = in.u8();
  const std::uint8_t last = in.u8();
  const std::string_view key = in.bytes();
  const std::string_view piece = in.raw(in.remaining());
  if (!in.ok() || !is_family(family) || last > 1 || piece.empty() ||
      key.size() > limits::mesh_row_key_bytes_max) {
    return damaged("a malformed piece of a row");
  }
  if (amid_row_ && (static_cast<Family>(family) != piece_family_ || key != piece_key_)) {
    return damaged("pieces of two rows, one among the other's");
  }
  if (piece_value_.size() + piece.size() > limits::mesh_row_bytes_max) {
    return damaged("a row larger than any can be");
  }
  piece_family_ = static_cast<Family>(family);
  piece_key_ = key;
  piece_value_.append(piece);
  amid_row_ = last == 0;
  if (amid_row_) return {};
  const std::string value = std::exchange(piece_value_, {});
  return row(piece_family_, piece_key_, value);
}

Status CheckpointReader::take_end(std::string_view body) {
  wire::Reader in(body);
  Totals sent;
  sent.rows = in.u64();
  sent.bytes = in.u64();
  sent.checksum = in.u64();
  if (!in.ok() || !in.at_end()) return damaged("a malformed end");
  if (sent != totals_) {
    return damaged(fmt::format("{} rows of {} bytes came of {} rows of {} bytes, or others",
                               totals_.rows, totals_.bytes, sent.rows, sent.bytes));
  }
  ended_ = true;
  return {};
}

}  // namespace holdfast::mesh
