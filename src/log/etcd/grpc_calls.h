// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>
#include <log/etcd/etcd.grpc.pb.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_sanitizer.h"
#include "base/units.h"
#include "log/etcd/api.h"

/// Calls to etcd that are under way at gRPC: one question with one answer, a
/// watch, a lease's keep-alive. gRPC completes them on the thread that waits for
/// its queue; what they have to tell they post to the owner's thread.
namespace holdfast::etcd {

namespace pb = etcdserverpb;

/// What gRPC tells a call's owner, on the thread that waits for it.
class Tag {
 public:
  virtual ~Tag() = default;

  /// What gRPC is given. completed() sees what was written before.
  void* given() {
    thread_sanitizer::release(this);
    return this;
  }
  static void back(void* given, bool ok) {
    Tag* tag = static_cast<Tag*>(given);
    thread_sanitizer::acquire(tag);
    tag->completed(ok);
  }

 private:
  virtual void completed(bool ok) = 0;
};

/// Work for the owner's thread.
class Inbox {
 public:
  explicit Inbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  void post(std::function<void()> work, bool wake = true) {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    if (wake) wake_();
  }
  std::vector<std::function<void()>> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(work_, {});
  }

  /// What is under way at gRPC. Its queue must not be shut down before all has
  /// come to its end: a call that ends then still asks it for the reason.
  void begun() {
    const std::lock_guard lock(mutex_);
    ++under_way_;
  }
  void ended(std::function<void()> work, bool wake = true) {
    post(std::move(work), wake);
    const std::lock_guard lock(mutex_);
    if (--under_way_ == 0) none_.notify_all();
  }
  void wait_until_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return under_way_ == 0; });
  }

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable none_;
  std::vector<std::function<void()>> work_;
  std::size_t under_way_ = 0;
};

Failure failure_of(const grpc::Status& status);
/// etcd's words for a call that came without a token, or with one that it no longer knows.
bool wants_sign_in(const std::string& text);
Header header_of(const pb::ResponseHeader& header);
KeyValue key_value_of(pb::KeyValue& from);
void set_deadline(grpc::ClientContext& context, Millis timeout);

struct Member {
  std::string endpoint;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<pb::KV::Stub> kv;
  std::unique_ptr<pb::Watch::Stub> watch;
  std::unique_ptr<pb::Lease::Stub> lease;
  std::unique_ptr<pb::Maintenance::Stub> maintenance;
  std::unique_ptr<pb::Auth::Stub> auth;
};

/// One question with one answer.
template <typename Response>
class Call final : public Tag {
 public:
  using Finished = std::function<void(grpc::ClientContext&, const grpc::Status&, Response&)>;
  /// An answer of which this is true can wait until the owner is at work anyway.
  using MayWait = bool (*)(const Response&);
  Call(Inbox& inbox, Finished finished, MayWait may_wait)
      : inbox_(inbox), finished_(std::move(finished)), may_wait_(may_wait) {}

  template <typename Start>
  void start(Start&& start) {
    inbox_.begun();
    reader_ = start(context_);
    reader_->Finish(&response_, &status_, given());
  }
  grpc::ClientContext& context() { return context_; }

  void completed(bool) override {
    const bool waits = status_.ok() && may_wait_ != nullptr && may_wait_(response_);
    inbox_.ended([self = std::shared_ptr<Call>(
                      this)] { self->finished_(self->context_, self->status_, self->response_); },
                 !waits);
  }

 private:
  Inbox& inbox_;
  Finished finished_;
  MayWait may_wait_;
  grpc::ClientContext context_;
  Response response_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader_;
};

/// One watch on a stream of its own. Lives until gRPC has given back its last tag.
class Watcher final : public Tag {
 public:
  using OnEvents = std::function<void(WatchEvents)>;
  Watcher(Inbox& inbox, OnEvents on_events)
      : inbox_(inbox), on_events_(std::make_shared<OnEvents>(std::move(on_events))) {}

  void start(Member& member, grpc::CompletionQueue& queue, pb::WatchRequest request,
             const std::string& token);
  /// Owner's thread: nothing more is heard of it.
  void stop();
  void completed(bool ok) override;

 private:
  enum class State { starting, creating, reading, finishing };
  void finish();
  void received();
  void finished();
  /// Owner's thread. Whoever is told may stop() this.
  void tell(WatchEvents events);

  Inbox& inbox_;
  std::shared_ptr<OnEvents> on_events_;  // the owner's
  WatchEvents end_;
  State state_ = State::starting;
  grpc::ClientContext context_;
  pb::WatchRequest request_;
  pb::WatchResponse response_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<pb::WatchRequest, pb::WatchResponse>> stream_;
};

/// One keep-alive of a lease: etcd has it as a stream only.
class KeepAlive final : public Tag {
 public:
  using Finished = std::function<void(grpc::ClientContext&, Answer<Header>)>;
  KeepAlive(Inbox& inbox, Finished done) : inbox_(inbox), done_(std::move(done)) {}
  grpc::ClientContext& context() { return context_; }

  void start(Member& member, grpc::CompletionQueue& queue, std::int64_t lease, Millis timeout,
             const std::string& token);
  void completed(bool ok) override;

 private:
  enum class State { starting, writing, reading, finishing };
  void finished();

  Inbox& inbox_;
  Finished done_;
  State state_ = State::starting;
  bool answered_ = false;
  grpc::ClientContext context_;
  pb::LeaseKeepAliveRequest request_;
  pb::LeaseKeepAliveResponse response_;
  grpc::Status status_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<pb::LeaseKeepAliveRequest, pb::LeaseKeepAliveResponse>>
      stream_;
};

}  // namespace holdfast::etcd
