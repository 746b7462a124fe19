// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "command/row.h"

namespace holdfast::node {

/// What is kept apart for whoever has to say later who changed what, and who was
/// refused: a JSON object a line (docs/services.md). Decides what a line says,
/// and how many there are; `write` puts it where it is kept. One thread.
class Audit {
 public:
  /// Beyond these of one second refusals are counted only: who is refused does
  /// not decide how much is written.
  static constexpr std::uint64_t refusals_per_second_max = 100;

  using Write = std::function<void(std::string_view line)>;
  explicit Audit(Write write) : write_(std::move(write)) {}

  /// A change of the catalog that the log told of, or that it refused: `reply` is
  /// the answer to it. Every node says so, at the same position; one that starts
  /// again, once more. Nothing of a token or its hash is in it.
  void applied(Instant at, Position position, std::string_view service, const Row& row, Args args,
               std::string_view reply);
  /// `why`: the error's text. `from`: HOST:PORT.
  void refused(Instant at, std::string_view service, std::string_view from, std::string_view what,
               std::string_view why);

 private:
  Write write_;
  std::int64_t second_ = 0;  // of the last refusal
  std::uint64_t refusals_ = 0;
};

}  // namespace holdfast::node
