// SPDX-License-Identifier: Apache-2.0
#include "server/readiness.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>

#include "base/units.h"

namespace holdfast::server {
namespace {

constexpr std::size_t events_per_look = 32;
// For so long it looks again before the io_context has its turn with what else there is.
constexpr Millis telling_max{1};

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
  std::replace(last_.begin(), last_.end(), &watcher, none);
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
  const auto end = std::chrono::steady_clock::now() + telling_max;
  // To look again costs less than to be told by the io_context that there is something.
  do {
    const int count = epoll_wait(set_.native_handle(), events.data(), events.size(), 0);
    if (count <= 0) return;
    telling_ = {events.data(), static_cast<std::size_t>(count)};
    while (!telling_.empty()) {
      const epoll_event event = telling_.front();
      telling_ = telling_.subspan(1);
      if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
    }
    call(last_);
  } while (std::chrono::steady_clock::now() < end);
}

void Readiness::tell_again() {
  telling_again_.swap(again_);
  call(telling_again_);
  call(last_);
}

void Readiness::call(std::vector<Watcher*>& watchers) {
  // By places: on_events() may remove some, or add.
  std::size_t place = 0;
  while (place < watchers.size()) {
    Watcher* const watcher = watchers[place++];
    if (watcher != nullptr) watcher->on_events(0);
  }
  watchers.clear();
}

}  // namespace holdfast::server
