// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/ticket.h"
#include "server/reply_form.h"

namespace holdfast::server {

/// Takes replies as they are, in place of the output: who turns them into another protocol.
class ReplyReader {
 public:
  virtual ~ReplyReader() = default;
  /// The views live for the call only.
  virtual void replied(std::string_view canonical, const Shape& shape, Replay replay) = 0;
  /// What it has made of them that the peer has not taken.
  virtual std::size_t held_bytes() const = 0;
};

/// Puts a connection's replies out in the order of their requests, whatever
/// the order they are finished in. A reply that nothing earlier holds back goes
/// straight to the output; no allocation then but the output's own.
class ReplyQueue {
 public:
  /// With a `reader` replies go to it.
  explicit ReplyQueue(ReplyReader* reader = nullptr) : reader_(reader) {}

  /// The form of replies to come. Nothing may be under way: the replies to
  /// earlier requests are of the earlier form.
  void set_form(Form form);
  Form form() const { return form_; }
  /// Whether an attribute stands before replayed replies, in RESP3.
  void set_marks_replays(bool marks) { marks_replays_ = marks; }

  /// No reply is owed.
  bool quiet() const { return head_ == next_; }
  /// Requests taken whose replies have not gone out.
  std::size_t owed() const { return static_cast<std::size_t>(next_ - head_); }
  /// Requests whose replies have gone out, ever.
  std::uint64_t answered() const { return head_; }
  /// The number of the next request; its ticket's sequence.
  std::uint64_t next_sequence() const { return next_; }

  // The next request is answered now: open(), append one canonical reply or
  // nothing, close(). Or later: promise(), and complete() once.
  std::string& open();
  void close(const Shape& shape);
  void promise(const Shape& shape);
  /// Of what is open, to which nothing was appended: it is to come again.
  void withdraw() { open_ = false; }
  void complete(std::uint64_t sequence, std::string_view canonical, Replay replay);

  /// What answers no request, as RESP3 has it: before the reply that is open, and before what is
  /// still owed. In RESP2 it is an array.
  void push(std::string_view canonical_push);

  /// The same, behind that request's reply.
  void push_behind(std::uint64_t sequence, std::string_view canonical_push);

  /// An error that answers no request: the end of a connection that cannot be
  /// read further. After all that is owed.
  void close_with(std::string_view error) {
    open().append(error);
    close({});
  }

  // What is ready to be sent, for the sender to take away: first the chunks,
  // then output(). A long output is not one string, which would be copied as it
  // grows, and for that moment take twice its size.
  bool has_chunk() const { return !chunks_.empty(); }
  std::string take_chunk();
  std::string& output() { return output_; }
  /// Bytes ready, and bytes finished but held back by an earlier request.
  std::size_t bytes() const { return output_.size() + chunk_bytes_ + held_bytes_; }
  std::size_t memory() const;

 private:
  struct Slot {
    std::string text;
    std::string push;  // behind it
    Shape shape;
    Replay replay = Replay::none;
    bool finished = false;
  };

  Slot& slot(std::uint64_t sequence) { return ring_[sequence & (ring_.size() - 1)]; }
  Slot& add_slot(const Shape& shape);
  void emit(std::string_view canonical, const Shape& shape, Replay replay);
  void pop();  // when it was emitted
  void cut_chunk() {
    if (output_.size() >= limits::output_chunk_bytes) [[unlikely]]
      add_chunk();
  }
  void add_chunk();

  ReplyReader* const reader_;
  Form form_ = Form::resp2;
  bool marks_replays_ = false;
  std::uint64_t head_ = 0;
  std::uint64_t next_ = 0;
  std::vector<Slot> ring_;  // a power of two; [head_, next_) are in use
  std::deque<std::string> chunks_;
  std::size_t chunk_bytes_ = 0;
  std::string output_;
  std::string scratch_;
  std::size_t mark_ = 0;  // where the open reply began in output_
  bool open_ = false;
  std::size_t held_bytes_ = 0;
};

}  // namespace holdfast::server
