// SPDX-License-Identifier: Apache-2.0
#include "sim/http_calls.h"

#include <utility>
#include <vector>

#include "sim/http_service.h"
#include "workflow/results.h"

namespace holdfast::sim {
namespace {

// On the way of what is in trouble. So late that its sender may have given it up, and its undo
// been there before it.
constexpr std::uint64_t late_ms_max = 4'000;

/// What is on its way although whoever asked may be gone.
struct Exchange {
  std::string key, body;
  node::HttpCalls::Done done;
  bool ended = false;
};
using Held = std::shared_ptr<Exchange>;

class ProcessHttpCalls final : public node::HttpCalls {
 public:
  ProcessHttpCalls(Surroundings around, std::shared_ptr<Party> party, Options options)
      : around_(around), party_(std::move(party)), options_(std::move(options)) {}
  ~ProcessHttpCalls() override { *alive_ = false; }

  void send(const workflow::OutgoingHttp& request, const std::string& id, Millis timeout,
            Done done) override {
    const auto exchange = std::make_shared<Exchange>(
        Exchange{.key = id, .body = request.body, .done = std::move(done)});
    if (Status allowed = node::check_url(request.url, options_.hosts); !allowed) {
      ended_.emplace_back(exchange, workflow::unsendable(allowed.error()));
      return options_.wake();
    }
    const auto hear = [this, alive = alive_, exchange](workflow::Outcome outcome) {
      if (*alive) end(exchange, std::move(outcome));
    };
    around_.agenda.after(timeout, [hear, party = party_] {
      party->post([hear] {
        hear({.ending = workflow::Ending::unknown, .result = {}, .error = "HTTP no answer"});
      });
    });
    HttpService& service = around_.http;
    if (service.in_trouble()) {
      ++service.counters.requests_lost;
      return;
    }
    travel(exchange, hear);
    if (!service.in_trouble()) return;
    ++service.counters.repeated;
    travel(exchange, hear);
  }

  void collect() override {
    for (auto& [exchange, outcome] : std::exchange(ended_, {})) exchange->done(std::move(outcome));
  }

 private:
  template <typename Hear>
  void travel(const Held& exchange, const Hear& hear) {
    around_.agenda.after(
        delay(), [around = around_, party = party_, exchange, hear, back = delay()] {
          const std::string& from = party->host();
          HttpService& service = around.http;
          if (around.network.is_cut(from, HttpService::host)) return;
          const HttpService::Answer answer = service.ask(from, exchange->key, exchange->body);
          if (service.in_trouble() || around.network.is_cut(HttpService::host, from)) {
            ++service.counters.replies_lost;
            return;
          }
          around.agenda.after(back, [party, answer, hear] {
            party->post(
                [answer, hear] { hear(node::outcome_of_http(answer.status, answer.body, false)); });
          });
        });
  }

  Millis delay() {
    const Network& network = around_.network;
    const auto most = static_cast<std::uint64_t>(network.delay_max.count());
    return around_.random.millis(0, around_.http.in_trouble() ? late_ms_max : most);
  }

  // In the node's thread.
  void end(const Held& exchange, workflow::Outcome outcome) {
    if (std::exchange(exchange->ended, true)) return;
    ended_.emplace_back(exchange, std::move(outcome));
  }

  Surroundings around_;
  std::shared_ptr<Party> party_;
  Options options_;
  std::vector<std::pair<Held, workflow::Outcome>> ended_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<node::HttpCalls> make_process_http_calls(Surroundings around,
                                                         std::shared_ptr<Party> party,
                                                         node::HttpCalls::Options options) {
  return std::make_unique<ProcessHttpCalls>(around, std::move(party), std::move(options));
}

}  // namespace holdfast::sim
