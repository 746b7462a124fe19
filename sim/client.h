// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/network.h"
#include "sim/workload.h"

namespace holdfast::sim {

/// A client as users write them: one operation at a time, and where no answer came
/// it tries again, at another node, with the same request id if there is one.
class Client final : public Party, public std::enable_shared_from_this<Client> {
 public:
  struct Parts {
    Agenda& agenda;
    Random& random;
    Network& network;
    Workload& workload;
    const Plan& plan;
    const char* service;                             // that it signs in as, where everybody has to
    const std::vector<std::string>& addresses;       // of all nodes, as they come
    std::function<void(const std::string&)> broken;  // what must never be
    std::uint64_t& left;                             // operations, of all clients
    std::function<void(absl::FunctionRef<std::string()>)> note;  // what it does, for who looks
  };
  Client(Parts parts, std::string name) : parts_(parts), name_(std::move(name)) {}

  void start() { think(); }
  /// Does this, again and again, until it is answered without an error, or with one
  /// that says it was done before; then `done`.
  using Answered = std::function<void(const verify::Answer& answer)>;
  void insist(const verify::Command& command, Answered done);
  bool idle() const { return idle_; }
  std::uint64_t answered() const { return answered_; }
  std::uint64_t unanswered() const { return unanswered_; }
  std::uint64_t probes() const { return probes_; }

  const std::string& host() const override { return name_; }
  void post(std::function<void()> run) override;

 private:
  void think();
  void begin(Call call);
  void attempt();
  void connected(std::unique_ptr<mesh::ByteStream> stream);
  void read();
  void came(std::size_t bytes);
  void answered_with(const verify::Answer& answer);
  void ask_for_token();
  void probed(const verify::Answer& answer);
  void no_answer();
  void finish();
  void hang_up();
  void record(const verify::Answer* answer);

  Parts parts_;
  std::string name_;
  Call call_;
  Answered insisted_;
  int tries_ = 0;
  bool idle_ = true;
  std::size_t node_ = 0;       // whom to ask next
  std::string at_;             // whom it is connected to
  std::string as_;             // and as which service
  std::uint64_t attempt_ = 0;  // numbers them, so that what is late is known
  verify::Time sent_at_ = 0;
  std::unique_ptr<mesh::Transport::Attempt> dialing_;
  std::shared_ptr<mesh::ByteStream> stream_;
  std::string output_;
  std::string input_;
  std::array<char, 4096> room_{};
  std::size_t replies_wanted_ = 0;
  std::uint64_t answered_ = 0, unanswered_ = 0, probes_ = 0;
};

}  // namespace holdfast::sim
