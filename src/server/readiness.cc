// SPDX-License-Identifier: Apache-2.0
#include "server/readiness.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>

namespace holdfast::server {
namespace {

constexpr std::size_t events_per_look = 64;

}  // namespace

boost::asio::execution_context::id Readiness::id;

Readiness::Readiness(boost::asio::execution_context& context)
    : service(context),
      io_(static_cast<boost::asio::io_context&>(context)),
      set_(io_.get_executor(), epoll_create1(EPOLL_CLOEXEC)) {
  await();
}

Readiness& Readiness::of(boost::asio::io_context& io) {
  return boost::asio::use_service<Readiness>(io);
}

void Readiness::shutdown() {
  boost::system::error_code ignored;
  set_.close(ignored);
}

bool Readiness::add(int descriptor, Watcher& watcher) {
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
  interest.data.ptr = &watcher;
  return epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, descriptor, &interest) == 0;
}

void Readiness::remove(int descriptor, Watcher& watcher) {
  Watcher* const none = nullptr;
  epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
  for (epoll_event& event : telling_) {
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
  std::replace(again_.begin(), again_.end(), &watcher, none);
  std::replace(telling_again_.begin(), telling_again_.end(), &watcher, none);
}

void Readiness::call_again(Watcher& watcher) {
  if (again_.empty()) boost::asio::post(io_, [this] { tell_again(); });
  again_.push_back(&watcher);
}

// Whatever is there when it begins to wait ends the waiting at once.
void Readiness::await() {
  set_.async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    tell();
    await();
  });
}

void Readiness::tell() {
  std::array<epoll_event, events_per_look> events;
  const int count = epoll_wait(set_.native_handle(), events.data(), events.size(), 0);
  telling_ = {events.data(), count < 0 ? 0 : static_cast<std::size_t>(count)};
  while (!telling_.empty()) {
    const epoll_event event = telling_.front();
    telling_ = telling_.subspan(1);
    if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
  }
}

void Readiness::tell_again() {
  telling_again_.swap(again_);
  // By places: on_events() may remove some.
  for (std::size_t i = 0; i < telling_again_.size(); ++i) {
    if (telling_again_[i] != nullptr) telling_again_[i]->on_events(0);
  }
  telling_again_.clear();
}

}  // namespace holdfast::server
