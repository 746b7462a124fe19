// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/epoll.h>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::server {

/// Tells which of an io_context's sockets have become readable or writable: a set of
/// epoll(7)'s, edge-triggered, which the io_context watches as it does a socket. Of the thread
/// that runs the io_context.
///
/// Asio's own reads begin by trying, so that each request of a client that waits for its
/// reply costs one more recv() than it needs, 5 % of all that such a request takes.
class Readiness final : public boost::asio::execution_context::service {
 public:
  /// A socket's.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    /// `events`: those of epoll, or 0 for what was asked for. It may remove any watcher, itself,
    /// too.
    virtual void on_events(std::uint32_t events) = 0;
  };

  // What asio finds a service by.
  using key_type = Readiness;
  static boost::asio::execution_context::id id;
  explicit Readiness(boost::asio::execution_context& context);

  static Readiness& of(boost::asio::io_context& io);

  /// From now on it hears each change for the readable and for the writable, and what is
  /// so already. False: the kernel has no room for one more.
  bool add(int descriptor, Watcher& watcher);
  /// It hears no more.
  void remove(int descriptor, Watcher& watcher);
  /// Later, from the loop, it is called without an event.
  void call_again(Watcher& watcher);
  /// It is called without an event when all have heard of what became readable and writable at
  /// once. Only from within on_events().
  void call_last(Watcher& watcher) { last_.push_back(&watcher); }

 private:
  using Descriptor =
      boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  void shutdown() override;
  void await();
  void tell();
  void tell_again();
  static void call(std::vector<Watcher*>& watchers);

  boost::asio::io_context& io_;
  Descriptor set_;
  std::span<epoll_event> telling_;  // those of one look that have not been told yet
  std::vector<Watcher*> again_;     // to be called again; null: removed
  std::vector<Watcher*> telling_again_;
  std::vector<Watcher*> last_;
};

}  // namespace holdfast::server
