// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trial/connection.h"

namespace holdfast::trial {

/// From a link's first end to its second, or the other way.
enum class Way : std::uint8_t { forth, back };
constexpr Way opposite(Way way) {
  return way == Way::forth ? Way::back : Way::forth;
}

/// The two sockets between which a proxy hands bytes on.
struct Pair {
  explicit Pair(boost::asio::io_context& io) : near(io), far(io) {}
  void close();

  boost::asio::ip::tcp::socket near, far;
  bool mute = false;  // a reply was lost: nothing comes back any more
};

/// What lies between two processes, whoever of them connects, and what happens
/// to what passes. Proxies ask it; it moves nothing itself. One thread.
class Link {
 public:
  struct Traffic {
    std::uint64_t bytes = 0;
    std::uint64_t pieces = 0;  // as they were read: about a message each, where there is no hurry
  };
  /// What a stream makes of packets that are lost: it waits for them to be sent
  /// again, 200 ms at first and twice as long each time; after six in a row it breaks.
  static constexpr milliseconds first_stall{200};
  static constexpr unsigned losses_in_a_row_max = 6;

  Link(std::string first, std::string second, std::uint64_t seed)
      : first_(std::move(first)), second_(std::move(second)), random_(seed) {}

  const std::string& first() const { return first_; }
  const std::string& second() const { return second_; }
  std::string name() const { return first_ + "-" + second_; }
  bool joins(std::string_view one, std::string_view other) const {
    return (one == first_ && other == second_) || (one == second_ && other == first_);
  }

  /// From now on nothing comes through that way, and nobody is told: what was
  /// under way stays so, and new connections are taken and lead nowhere.
  void cut(Way way) { cut_[index(way)] = true; }
  void cut();
  bool is_cut(Way way) const { return cut_[index(way)]; }
  bool is_cut() const { return cut_[0] || cut_[1]; }
  /// Each piece comes so much later, either way.
  void delay(milliseconds fixed, milliseconds jitter);
  milliseconds delay() const { return delay_; }
  milliseconds jitter() const { return jitter_; }
  /// The share of pieces that are lost and sent again, either way.
  void lose(double share) { loss_ = share; }
  double loss() const { return loss_; }
  /// The share of what comes back that never arrives: whoever asked waits in vain.
  void lose_replies(double share) { lost_replies_ = share; }
  double lost_replies() const { return lost_replies_; }
  /// As it was made. What was cut ends, and new connections come through.
  void heal();
  bool is_whole() const;

  const Traffic& traffic(Way way) const { return traffic_[index(way)]; }

  // For proxies.

  void carry(const std::shared_ptr<Pair>& pair);
  void passed(Way way, std::size_t bytes);
  /// How long the next piece takes. Nothing: its connection breaks.
  std::optional<milliseconds> passage();
  bool loses_this_reply();

 private:
  static std::size_t index(Way way) { return static_cast<std::size_t>(way); }
  bool chance(double share);

  std::string first_, second_;
  std::mt19937_64 random_;
  std::array<bool, 2> cut_{};
  milliseconds delay_{0}, jitter_{0};
  double loss_ = 0;
  double lost_replies_ = 0;
  std::array<Traffic, 2> traffic_{};
  std::vector<std::weak_ptr<Pair>> pairs_;
};

}  // namespace holdfast::trial
