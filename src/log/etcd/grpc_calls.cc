// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/grpc_calls.h"

#include <fmt/format.h>

namespace holdfast::etcd {
namespace {

// Certainly never sent: gRPC had no connection to send it over.
bool never_sent(const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return false;
  const std::string& text = status.error_message();
  return text.find("failed to connect to all addresses") != std::string::npos ||
         text.find("connections to all backends failing") != std::string::npos ||
         text.find("Failed to pick subchannel") != std::string::npos;
}

}  // namespace

bool wants_sign_in(const std::string& text) {
  return text.find("auth token") != std::string::npos ||
         text.find("user name is empty") != std::string::npos ||
         text.find("auth store is old") != std::string::npos;
}

Failure failure_of(const grpc::Status& status) {
  const std::string text =
      fmt::format("{} ({})", status.error_message(), static_cast<int>(status.error_code()));
  using Kind = Failure::Kind;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return {never_sent(status) ? Kind::not_done : Kind::unknown, text};
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (text.find("database space exceeded") != std::string::npos) return {Kind::no_space, text};
      return {Kind::not_done, text};  // too many requests
    case grpc::StatusCode::OUT_OF_RANGE:
      return {Kind::compacted, text};
    case grpc::StatusCode::UNAUTHENTICATED:
      return {Kind::not_done, text};  // tried again with a new token
    case grpc::StatusCode::INVALID_ARGUMENT:
      return {wants_sign_in(text) ? Kind::not_done : Kind::invalid, text};
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNIMPLEMENTED:
      return {Kind::invalid, text};
    default:
      return {Kind::unknown, text};
  }
}

Header header_of(const pb::ResponseHeader& header) {
  return {.cluster_id = header.cluster_id(), .revision = header.revision()};
}

KeyValue key_value_of(pb::KeyValue& from) {
  KeyValue kv;
  kv.key = std::move(*from.mutable_key());
  kv.value = std::move(*from.mutable_value());
  kv.mod_revision = from.mod_revision();
  kv.version = from.version();
  return kv;
}

void set_deadline(grpc::ClientContext& context, Millis timeout) {
  // Not the wall clock, which can jump.
  context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                    gpr_time_from_millis(timeout.count(), GPR_TIMESPAN)));
}

void Watcher::start(Member& member, grpc::CompletionQueue& queue, pb::WatchRequest request,
                    const std::string& token) {
  request_ = std::move(request);
  if (!token.empty()) context_.AddMetadata("token", token);
  // A member cut off from its leader ends the watch instead of keeping silent.
  context_.AddMetadata("hasleader", "true");
  // In two steps: the thread that waits may be told before this one goes on.
  inbox_.begun();
  stream_ = member.watch->PrepareAsyncWatch(&context_, &queue);
  stream_->StartCall(given());
}

void Watcher::stop() {
  on_events_.reset();
  context_.TryCancel();
}

void Watcher::completed(bool ok) {
  switch (state_) {
    case State::starting:
      if (!ok) return finish();
      state_ = State::creating;
      return stream_->Write(request_, given());
    case State::creating:
      if (!ok) return finish();
      state_ = State::reading;
      return stream_->Read(&response_, given());
    case State::reading:
      if (!ok) return finish();
      return received();
    case State::finishing:
      return finished();
  }
}

void Watcher::finish() {
  state_ = State::finishing;
  stream_->Finish(&status_, given());
}

void Watcher::received() {
  if (response_.canceled()) {
    end_.compacted = response_.compact_revision() != 0;
    end_.reason = response_.cancel_reason();
    context_.TryCancel();
    return finish();
  }
  auto events = std::make_shared<WatchEvents>();
  events->header = header_of(response_.header());
  for (pb::Event& event : *response_.mutable_events()) {
    if (event.type() == pb::Event::PUT) events->puts.push_back(key_value_of(*event.mutable_kv()));
  }
  if (!events->puts.empty()) {
    inbox_.post([this, events] { tell(std::move(*events)); });
  }
  response_.Clear();
  stream_->Read(&response_, given());
}

void Watcher::finished() {
  end_.ended = true;
  if (end_.reason.empty()) end_.reason = status_.error_message();
  if (end_.reason.empty()) end_.reason = "the watch ended";
  // The last reference goes with it, on the owner's thread.
  inbox_.ended([self = std::shared_ptr<Watcher>(this)] { self->tell(std::move(self->end_)); });
}

void Watcher::tell(WatchEvents events) {
  if (const auto on_events = on_events_) (*on_events)(std::move(events));
}

void KeepAlive::start(Member& member, grpc::CompletionQueue& queue, std::int64_t lease,
                      Millis timeout, const std::string& token) {
  if (!token.empty()) context_.AddMetadata("token", token);
  set_deadline(context_, timeout);
  request_.set_id(lease);
  inbox_.begun();
  stream_ = member.lease->PrepareAsyncLeaseKeepAlive(&context_, &queue);
  stream_->StartCall(given());
}

void KeepAlive::completed(bool ok) {
  if (state_ == State::finishing) return finished();
  if (!ok || state_ == State::reading) {
    answered_ = ok;
    state_ = State::finishing;
    if (ok) context_.TryCancel();
    return stream_->Finish(&status_, given());
  }
  if (state_ == State::starting) {
    state_ = State::writing;
    return stream_->Write(request_, given());
  }
  state_ = State::reading;
  stream_->Read(&response_, given());
}

void KeepAlive::finished() {
  inbox_.ended([self = std::shared_ptr<KeepAlive>(this)] {
    grpc::ClientContext& context = self->context_;
    if (!self->answered_) return self->done_(context, tl::unexpected(failure_of(self->status_)));
    if (self->response_.ttl() > 0) return self->done_(context, header_of(self->response_.header()));
    self->done_(context, tl::unexpected(Failure{Failure::Kind::invalid, "the lease has ended"}));
  });
}

}  // namespace holdfast::etcd
