// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "command/table.h"
#include "log/disk_log.h"
#include "log/etcd/api.h"
#include "log/file_system.h"
#include "mesh/checkpoint_client.h"
#include "mesh/reception.h"
#include "mesh/transport.h"
#include "node/engine.h"
#include "node/http_calls.h"
#include "node/options.h"
#include "server/front.h"
#include "server/http_server.h"
#include "table/store.h"

namespace holdfast::node {

/// What a node stands on: its thread and clocks, its disk, and the network to
/// clients, other nodes and the engine. This machine's (real_environment.h), or
/// the simulator's. One for each Node, which it outlives.
class Environment {
 public:
  virtual ~Environment() = default;

  // -- Clocks and chance

  virtual Instant wall() = 0;
  virtual Monotonic now() = 0;
  virtual std::uint64_t random() = 0;
  /// Names the kernel that runs: what was written survives the process, not the kernel.
  virtual std::string boot_id() = 0;
  /// Names this folder on this machine, for people.
  virtual std::string instance(const std::string& data) = 0;

  // -- The node's thread

  /// Whether disks are waited for, and memory is counted, by the process: threads
  /// sync logs and commit checkpoints. If not, the environment syncs the logs that it
  /// is given, and checkpoints are committed within a turn.
  virtual bool has_process() const = 0;
  /// The node uses what it gets back.
  virtual std::unique_ptr<DiskLog> adopt(std::unique_ptr<DiskLog> log,
                                         const std::string& /*directory*/) {
    return log;
  }
  /// Runs what has come in, for a bounded time: returns when something had, after
  /// wake(), or at `until`.
  virtual void wait(Monotonic until) = 0;
  /// Ends wait(), now or next time. Any thread.
  virtual void wake() = 0;
  /// Nothing runs meanwhile.
  virtual void pause(Millis time) = 0;
  /// `stop` is called, within wait(), when the process is told to end.
  virtual void on_stop(std::function<void()> stop) = 0;
  /// `renew` is called, within wait(), whenever the process is told to read its files again.
  virtual void on_renew(std::function<void()> renew) = 0;

  // -- The disk

  virtual FileSystem& files() = 0;
  /// A file that its owner alone may read, in place of any that is there.
  virtual Status write_secret(const std::string& path, const std::string& text) = 0;
  /// Appends a line to a file that is begun anew when it has grown, a few old ones kept.
  virtual std::function<void(std::string_view line)> open_lines(const std::string& path) = 0;
  /// Keeps other nodes out of the folder for as long as it lives.
  class Lock {
   public:
    virtual ~Lock() = default;
  };
  virtual Result<std::unique_ptr<Lock>> lock(const std::string& data) = 0;
  virtual Result<std::unique_ptr<Store>> open_store(const std::string& directory) = 0;
  // Of a node's folders of tables, see TableFolders.
  virtual Status settle_tables(const std::string& data) = 0;
  virtual Status discard_incoming(const std::string& data) = 0;
  virtual Status adopt_incoming(const std::string& data) = 0;

  // -- The network

  virtual std::unique_ptr<server::Front> make_front(const CommandTable& commands,
                                                    server::Front::Options options) = 0;
  /// nullptr where there is no HTTP.
  virtual std::unique_ptr<server::Front> make_http(const CommandTable& commands,
                                                   server::Front::Options options,
                                                   server::HttpProtocol::Options http) = 0;
  /// Sends workflows' HTTP requests; nullptr where there is no HTTP.
  virtual std::unique_ptr<HttpCalls> make_http_calls(HttpCalls::Options options) = 0;
  virtual mesh::Transport& transport() = 0;
  virtual std::unique_ptr<mesh::Reception> make_reception(mesh::Reception::Options options) = 0;
  /// mesh::fetch_checkpoint(), which waits.
  virtual Result<mesh::FetchedCheckpoint> fetch_checkpoint(const mesh::FetchOptions& options,
                                                           Store& staging) = 0;
  virtual Result<std::shared_ptr<etcd::Api>> connect_etcd(const Options& options,
                                                          const Engine& engine) = 0;
};

}  // namespace holdfast::node
