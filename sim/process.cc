// SPDX-License-Identifier: Apache-2.0
#include "sim/process.h"

#include <utility>

#include "base/assert.h"
#include "sim/environment.h"
#include "sim/recording_log.h"

namespace holdfast::sim {
namespace {

// How much of what came in a node takes before it ends a turn.
constexpr int inbox_per_turn = 32;

const Process* on_fiber = nullptr;

}  // namespace

Process::Process(Surroundings around, Host& host, node::Options options)
    : around_(around), host_(host), options_(std::move(options)) {}

Process::~Process() {
  HF_ASSERT(ended_ || fiber_ == nullptr);
}

void Process::start() {
  fiber_ = std::make_unique<Fiber>([this] { body(); });
  schedule(around_.agenda.now());
  sync_disks();
}

void Process::body() {
  try {
    auto why = node::Restart::none;
    while (true) {
      const auto make = [this] { return make_process_environment(*this); };
      auto node = node::Node::open(options_, make, why);
      if (!node) {
        why_ended_ = node.error();
        return;
      }
      node_ = node->get();
      serving_ = true;
      const Status stopped = node_->run();
      serving_ = false;
      around_.witness.on_end(*node_);
      why = node_->wants_restart();
      if (!stopped) why_ended_ = stopped.error();
      if (!stopped || why == node::Restart::none) return;
      around_.witness.note(host_.name + " begins again by itself");
    }
  } catch (const Killed&) {
    serving_ = false;
  }
}

void Process::schedule(Monotonic at) {
  due_ = std::max(at, host_.paused_until);
  const std::uint64_t number = ++scheduled_;
  around_.agenda.at(due_, [self = shared_from_this(), number] {
    if (self->ended_ || number != self->scheduled_) return;
    if (self->host_.paused_until > self->around_.agenda.now())
      return self->schedule(self->host_.paused_until);
    self->run();
  });
}

const Process* Process::running() {
  return on_fiber;
}

void Process::enter() {
  running_ = true;
  on_fiber = this;
  fiber_->resume();
  on_fiber = nullptr;
  running_ = false;
}

void Process::run() {
  enter();
  if (fiber_->finished()) {
    const bool by_itself = !dead_;
    end();
    if (by_itself) around_.witness.on_exit(host_, why_ended_);
    return;
  }
  if (dead_) kill(false);  // in the middle of something
}

void Process::wait(Monotonic until) {
  if (dead_) throw Killed();
  // Soon, if there is something to do: others may go first.
  schedule(woken_ || !inbox_.empty() ? around_.agenda.now() + Millis(around_.random.below(2))
                                     : until);
  woken_ = false;
  fiber_->yield();
  if (dead_) throw Killed();
  for (int i = 0; i < inbox_per_turn && !inbox_.empty(); ++i) {
    const auto run = std::move(inbox_.front());
    inbox_.pop_front();
    run();
    if (dead_) throw Killed();
  }
  if (!inbox_.empty()) woken_ = true;
}

void Process::post(std::function<void()> run) {
  if (dead_ || ended_) return;
  inbox_.push_back(std::move(run));
  if (running_) return;  // it looks before it waits
  const Monotonic soon = around_.agenda.now() + Millis(around_.random.below(2));
  if (soon < due_) schedule(soon);
}

void Process::terminate() {
  if (!stop_) return kill(false);  // nobody heeds it yet
  post([self = shared_from_this()] {
    if (self->stop_) self->stop_();
  });
}

void Process::kill(bool silent) {
  if (ended_) return;
  HF_ASSERT(!running_);
  if (serving_) around_.witness.on_end(*node_);
  dead_ = true;
  around_.network.end(*this, silent);
  inbox_.clear();
  if (fiber_->finished()) return end();
  // Its stack is taken down, which changes nothing any more.
  enter();
  HF_ASSERT(fiber_->finished());
  end();
}

void Process::end() {
  dead_ = true;
  ended_ = true;
  around_.network.end(*this, false);
  inbox_.clear();
  stop_ = nullptr;
  node_ = nullptr;
}

bool Process::spend_change() {
  if (dead_) return false;
  if (!changes_left_) return true;
  if (*changes_left_ > 0) {
    --*changes_left_;
    return true;
  }
  dead_ = true;
  around_.witness.note(host_.name + " is killed in the middle of a change of the disk");
  // It says nothing more, either.
  around_.network.end(*this, false);
  if (const auto client = etcd_client_.lock()) client->cut(true);
  if (!running_) {  // while a log was synced for it
    around_.agenda.after(Millis(0), [self = shared_from_this()] { self->kill(false); });
  }
  return false;
}

// What the threads of a real process do.
void Process::sync_disks() {
  around_.agenda.after(around_.random.millis(static_cast<std::uint64_t>(host_.sync_min.count()),
                                             static_cast<std::uint64_t>(host_.sync_max.count())),
                       [self = shared_from_this()] {
                         if (self->ended_ || self->dead_) return;
                         if (self->host_.paused_until <= self->around_.agenda.now()) {
                           for (RecordingLog* log : std::set(self->logs_)) log->sync_now();
                         }
                         self->sync_disks();
                       });
}

}  // namespace holdfast::sim
