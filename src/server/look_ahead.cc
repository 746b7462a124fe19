// SPDX-License-Identifier: Apache-2.0
#include "server/look_ahead.h"

#include <cstdint>

#include "command/parse.h"

namespace holdfast::server {
namespace {

constexpr std::size_t glanced_arguments = 5;

/// Walks the bytes of requests; `at` is npos once something is not as expected.
class Glance {
 public:
  explicit Glance(std::string_view input) : input_(input) {}

  bool request(Ahead& ahead) {
    std::uint64_t count = 0;
    if (!number('*', count) || count == 0) return false;
    std::string_view arguments[glanced_arguments];
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string_view argument;
      if (!bulk(argument)) return false;
      if (i < glanced_arguments) arguments[i] = argument;
    }
    const bool once = command::equals_nocase(arguments[0], "ONCE");
    ahead.name = arguments[once ? 2 : 0];
    ahead.request_id = once ? arguments[1] : std::string_view();
    ahead.key = arguments[once ? 3 : 1];
    ahead.item = arguments[once ? 4 : 2];
    return true;
  }

 private:
  bool number(char kind, std::uint64_t& value) {
    if (at_ >= input_.size() || input_[at_] != kind) return false;
    std::size_t i = at_ + 1;
    value = 0;
    for (; i < input_.size() && input_[i] >= '0' && input_[i] <= '9'; ++i) {
      if (value > input_.size()) return false;
      value = value * 10 + static_cast<std::uint64_t>(input_[i] - '0');
    }
    if (i + 1 >= input_.size() || input_[i] != '\r') return false;
    at_ = i + 2;
    return true;
  }
  bool bulk(std::string_view& text) {
    std::uint64_t size = 0;
    if (!number('$', size) || size + 2 > input_.size() - at_) return false;
    text = input_.substr(at_, size);
    at_ += size + 2;
    return true;
  }

  std::string_view input_;
  std::size_t at_ = 0;
};

}  // namespace

std::size_t look_ahead(std::string_view input, std::span<Ahead> ahead) {
  Glance glance(input);
  std::size_t met = 0;
  while (met < ahead.size() && glance.request(ahead[met])) ++met;
  return met;
}

}  // namespace holdfast::server
