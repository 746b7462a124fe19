// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/latencies.h"
#include "base/limits.h"
#include "base/ticket.h"
#include "base/units.h"
#include "tls/identity.h"

namespace holdfast::server {

class Backend;
class Clients;

/// From where a listener may be reached. Where nobody has to sign in, who reaches it
/// may do everything (3-contract section 6): beyond loopback only where whoever runs
/// the node says that the network can be trusted.
enum class Reach { loopback, anywhere };

/// Where clients come to a node: gives each a session, hands its requests to the
/// backend, and carries replies back. On the node's thread, once a turn:
///
///     backend.end_of_turn(); front.flush();
class Front : public ReplySink {
 public:
  struct Options {
    std::size_t connections_max = limits::connections_max_default;
    std::size_t output_bytes_max = limits::output_bytes_max_default;
    Millis idle_timeout{0};  // of a connection that says nothing; 0: none
    /// The last CLIENT ID given, of all fronts that share it; null: of this one alone.
    std::shared_ptr<std::uint64_t> last_id;
    /// Clients speak TLS, and nothing else; null: nothing but plain.
    std::shared_ptr<const tls::RenewableIdentity> tls;
  };
  struct Counters {
    std::uint64_t connections = 0;  // open now
    std::uint64_t accepted = 0;
    std::uint64_t refused_connections = 0;  // over connections_max
    std::uint64_t evicted_readers = 0;
    std::uint64_t cut_off = 0;     // evicted readers and others: slow requests, HTTP, idle, killed
    std::uint64_t tls_failed = 0;  // clients with whom TLS was not agreed
    std::uint64_t commands = 0;
    std::uint64_t refused = 0;  // of them, before anything was done
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };

  /// Before listen().
  virtual void set_backend(Backend& backend) = 0;
  /// "HOST:PORT"; kErr beyond loopback where that is the reach.
  virtual Status listen(std::string_view address, Reach reach) = 0;
  /// Whether to listen there would be to listen beyond loopback.
  virtual bool is_beyond_loopback(std::string_view address) const {
    static_cast<void>(address);
    return false;
  }
  /// Where it listens, with the port that port 0 became.
  virtual std::string address() const = 0;
  virtual std::uint16_t port() const = 0;

  /// The end of a turn: sends what it produced, and reads on. Work that can
  /// only now go on is done in the next turn, which is then due at once.
  virtual void flush() = 0;

  virtual void stop_accepting() = 0;
  /// No request is taken any more; those under way are answered.
  virtual void stop_reading() = 0;
  /// Replies that the peers have not taken.
  virtual std::size_t unsent_bytes() const = 0;
  /// Closes all connections when what is ready has been given away.
  virtual void close_all() = 0;
  /// Closes all connections at the next flush(), sending nothing more: what the
  /// replies say is not so.
  virtual void abort_all() = 0;

  virtual std::size_t connections_max() const = 0;
  virtual void set_connections_max(std::size_t connections) = 0;
  virtual Millis idle_timeout() const = 0;
  virtual void set_idle_timeout(Millis timeout) = 0;
  virtual Counters counters() const = 0;
  /// How long requests took that were answered so far: from their arrival to when the socket was
  /// given the reply.
  virtual const Latencies& latencies() const {
    static const Latencies none;
    return none;
  }

  /// Those who are connected here; null: that is not told.
  virtual Clients* clients() { return nullptr; }
  /// Whom commands about clients are to show: others' fronts, too.
  virtual void set_clients(Clients& clients) { static_cast<void>(clients); }
};

}  // namespace holdfast::server
