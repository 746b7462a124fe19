// SPDX-License-Identifier: Apache-2.0
#include "mesh/socket_transport.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "mesh/link.h"

namespace holdfast::mesh {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

tl::unexpected<Error> unavailable(const error_code& error) {
  return fail(Code::unavailable, error.message());
}

class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(tcp::socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
    const tcp::endpoint here = socket_.local_endpoint(ignored),
                        there = socket_.remote_endpoint(ignored);
    on_this_machine_ = there.address().is_loopback() || there.address() == here.address();
  }

  void read(std::span<char> room, Done done) override {
    socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                            [done = std::move(done)](const error_code& error, std::size_t n) {
                              error ? done(unavailable(error)) : done(n);
                            });
  }
  void write(std::string_view bytes, Done done) override {
    boost::asio::async_write(socket_, boost::asio::buffer(bytes),
                             [done = std::move(done)](const error_code& error, std::size_t n) {
                               error ? done(unavailable(error)) : done(n);
                             });
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  bool is_on_this_machine() const override { return on_this_machine_; }
  Monotonic now() const override { return std::chrono::steady_clock::now(); }

 private:
  tcp::socket socket_;
  bool on_this_machine_ = false;
};

// What an attempt's handlers share with it: they may come after it was given up.
struct Dialing {
  Dialing(boost::asio::io_context& io, Transport::Done when_done)
      : resolver(io), socket(io), done(std::move(when_done)) {}
  tcp::resolver resolver;
  tcp::socket socket;
  Transport::Done done;
  bool given_up = false;
};

class SocketAttempt final : public Transport::Attempt {
 public:
  explicit SocketAttempt(std::shared_ptr<Dialing> dialing) : dialing_(std::move(dialing)) {}
  ~SocketAttempt() override {
    dialing_->given_up = true;
    dialing_->resolver.cancel();
    error_code ignored;
    dialing_->socket.close(ignored);
  }

 private:
  std::shared_ptr<Dialing> dialing_;
};

void finish(const std::shared_ptr<Dialing>& dialing, const error_code& error) {
  if (dialing->given_up) return;
  const auto done = std::move(dialing->done);
  if (error) return done(unavailable(error));
  done(make_socket_stream(std::move(dialing->socket)));
}

}  // namespace

std::unique_ptr<ByteStream> make_socket_stream(tcp::socket socket) {
  return std::make_unique<SocketStream>(std::move(socket));
}

std::unique_ptr<Transport::Attempt> SocketTransport::dial(const std::string& address, Done done) {
  const auto dialing = std::make_shared<Dialing>(io_, std::move(done));
  const auto parts = split_address(address);
  if (!parts) {
    boost::asio::post(io_, [dialing, why = parts.error()] {
      if (!dialing->given_up) dialing->done(tl::unexpected(why));
    });
  } else {
    dialing->resolver.async_resolve(
        parts->host, parts->port,
        [dialing](const error_code& error, const tcp::resolver::results_type& found) {
          if (dialing->given_up || error) return finish(dialing, error);
          boost::asio::async_connect(dialing->socket, found,
                                     [dialing](const error_code& failed, const tcp::endpoint&) {
                                       finish(dialing, failed);
                                     });
        });
  }
  return std::make_unique<SocketAttempt>(dialing);
}

}  // namespace holdfast::mesh
