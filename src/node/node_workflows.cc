// SPDX-License-Identifier: Apache-2.0
#include "node/node_workflows.h"

#include <algorithm>

#include "base/assert.h"
#include "base/checksum.h"
#include "node/node.h"
#include "workflow/results.h"

namespace holdfast::node {
namespace {

constexpr Millis living_interval{100};  // between looks at who lives
// Of whom nothing has come for so long the runs are driven by others.
constexpr Millis silence_max{1'000};

std::vector<std::string_view> views_of(const std::vector<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

HttpCalls::Options http_options(const Options& options) {
  HttpCalls::Options http{
      .hosts = options.workflow_hosts, .secret_files = {}, .ca = options.workflow_ca, .wake = {}};
  for (const std::string& secret : options.workflow_secrets) {
    const std::size_t equals = secret.find('=');  // the command line has looked
    http.secret_files[secret.substr(0, equals)] = secret.substr(equals + 1);
  }
  return http;
}

}  // namespace

NodeWorkflows::NodeWorkflows(Node& node)
    : node_(node),
      http_(node.environment().make_http_calls(http_options(node.options()))),
      driver_(node.keyspaces().workflows(), *this) {
  node_.keyspaces().set_on_run([this](const workflow::RunName& run) { driver_.on_changed(run); });
}

bool NodeWorkflows::turn() {
  acted_ = false;
  if (http_) http_->collect();
  driver_.turn(node_.strong_time());
  return acted_;
}

std::optional<Monotonic> NodeWorkflows::wanted_at() const {
  const auto at = driver_.wanted_at();
  if (!at) return std::nullopt;
  return node_.requests().monotonic() + std::max(Millis(1), *at - node_.strong_time());
}

void NodeWorkflows::append(const Row& row, const std::vector<std::string>& args, Answer done) {
  const auto views = views_of(args);
  const strong::EntryBuilder::Part part{&row, views};
  acted_ = true;
  node_.append_own({.keyspace = workflow::current_keyspace,
                    .caller = {},
                    .request_id = {},
                    .calls = std::span(&part, 1),
                    .durability = Durability::always},
                   std::move(done));
}

// The same way as a client's request, so that all that is asked of one is asked of it.
void NodeWorkflows::call(ServiceId service, const std::string& request_id,
                         const workflow::FunctionRequest& request, Answer done) {
  const std::vector<std::string> words = workflow::fcall_of(request);
  const auto args = views_of(words);
  server::Request fcall;
  fcall.row = node_.commands().find(words[0]);
  fcall.args = args;
  fcall.request_id = request_id;
  fcall.caller = service;
  fcall.from = "a workflow";
  acted_ = true;
  node_.run_own(fcall, std::move(done));
}

void NodeWorkflows::send(const workflow::OutgoingHttp& request, const std::string& request_id,
                         Millis timeout, std::function<void(workflow::Outcome)> done) {
  if (http_) return http_->send(request, request_id, timeout, std::move(done));
  done(workflow::unsendable({Code::unsupported, "this node sends no HTTP requests"}));
}

bool NodeWorkflows::is_eventual(std::string_view keyspace) {
  const Keyspace* const found = node_.catalog().find(keyspace);
  return found != nullptr && found->guarantee == Guarantee::eventual;
}

void NodeWorkflows::find_who_lives() {
  const Monotonic now = node_.requests().monotonic();
  if (!living_.empty() && now - lived_at_ < living_interval) return;
  lived_at_ = now;
  living_ = {node_.options().node};
  for (const NodeFacts::Behind& other : node_.behind()) {
    if (other.by && *other.by <= silence_max) living_.push_back(other.node);
  }
}

// Rendezvous hashing (Thaler and Ravishankar, 1998): when a node dies, its runs alone move.
bool NodeWorkflows::is_mine(const workflow::RunName& run) {
  find_who_lives();
  const auto weight = [&](const std::string& node) {
    return checksum(run.id, checksum(node, run.service.value));
  };
  const auto first = std::max_element(living_.begin(), living_.end(),
                                      [&](const std::string& a, const std::string& b) {
                                        return std::pair(weight(a), a) < std::pair(weight(b), b);
                                      });
  return *first == node_.options().node;
}

}  // namespace holdfast::node
