// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/units.h"

namespace holdfast::server {

/// What the streams of a port have in common: who listens hears how things are, at once and then
/// every second (server-sent events, html.spec.whatwg.org section 9.2). It is told anew each
/// second, once for each caller, and only while somebody listens.
class HttpEvents {
 public:
  /// A JSON object, on one line, of what the caller may see.
  using State = std::function<std::string(ServiceId caller)>;

  void set_state(State state) { state_ = std::move(state); }

  /// A place among those who listen, held as long as this lives.
  class Seat {
   public:
    explicit Seat(HttpEvents& events) : events_(&events) { ++events.listening_; }
    ~Seat() {
      if (events_ != nullptr) --events_->listening_;
    }
    Seat(Seat&& other) noexcept : events_(std::exchange(other.events_, nullptr)) {}
    Seat& operator=(Seat&&) = delete;

   private:
    HttpEvents* events_;
  };
  bool is_full() const { return listening_ >= limits::http_streams_max; }

  /// This second's event for the caller, as it is sent.
  const std::string& event_for(ServiceId caller) {
    std::string& event = events_[caller.value];
    if (event.empty()) event = "event: state\ndata: " + (state_ ? state_(caller) : "{}") + "\n\n";
    return event;
  }
  /// A second has passed.
  void tick() { events_.clear(); }

 private:
  State state_;
  std::size_t listening_ = 0;
  absl::flat_hash_map<std::uint32_t, std::string> events_;  // of this second, by service
};

}  // namespace holdfast::server
