// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/logging.h"
#include "base/units.h"

namespace holdfast::node {

/// Everything a node can be told at start. `holdfast serve --help` and
/// docs/configuration.md are made from the same names (cli/serve.cc).
struct Options {
  std::string data = "data";
  std::string resp = "127.0.0.1:7379";
  std::string http = "127.0.0.1:7380";
  std::string mesh = "127.0.0.1:7381";  // for other nodes; listened on only where there can be any
  std::string mesh_advertise;           // where others reach that, if elsewhere
  std::vector<std::string> peers;       // the others' mesh addresses, where no engine tells them
  bool bootstrap = false;               // begin without having heard of all of them
  std::string cluster_secret_file;      // what nodes sign in with to each other; empty: nothing
  std::string mesh_ca, mesh_cert, mesh_key;  // PEM files: TLS between nodes, all three or none
  // PEM files: TLS for clients, certificate and key or none; who signs services' certificates
  std::string tls_cert, tls_key, tls_ca;
  bool trust_network = false;  // listen beyond loopback, to whoever can connect
  std::string engine = "embedded";
  std::string etcd_ca, etcd_cert, etcd_key;  // PEM files; a CA alone is TLS without a client's own
  std::string etcd_user, etcd_password_file;
  std::vector<std::string> workflow_hosts;    // HOST or HOST:PORT that steps may send requests to
  std::vector<std::string> workflow_secrets;  // NAME=FILE: bearer tokens that definitions name
  std::string workflow_ca;                    // PEM file of who signs those hosts' certificates
  std::string cluster = "holdfast";
  std::string node = "1";
  std::uint64_t memory_limit_bytes = 0;      // 0: three quarters of what this machine gives us
  std::uint64_t ids_memory_bytes = 512_MiB;  // of one keyspace's request ids; the rest lies on disk
  // What some member of the mesh may lack; the rest lies on disk.
  std::uint64_t unstable_memory_bytes = 64_MiB;
  std::size_t connections_max = limits::connections_max_default;
  std::size_t output_bytes_max = limits::output_bytes_max_default;
  Millis request_timeout{5000};
  Millis idle_timeout{0};           // of a connection that says nothing; 0: none
  Millis slow_log_slower_than{10};  // SLOWLOG keeps what took so long
  std::size_t slow_log_max_len = 128;
  std::string enable_debug_command = "no";  // DEBUG: no, yes, or local: from this machine
  Millis checkpoint_interval{300'000};
  std::uint64_t checkpoint_log_bytes = limits::checkpoint_dirty_bytes;
  std::uint64_t mesh_log_bytes = 4096_MiB;  // of its own log, kept for members that are away
  // Of the shared log: Members::set_log_retained_bytes().
  std::uint64_t log_retained_bytes = limits::log_retained_bytes_max;
  Millis sync_interval{1000};  // DURABILITY everysec
  // Of the logs' files, see DiskLogOptions.
  std::size_t segment_bytes = limits::segment_bytes;
  std::size_t segment_bytes_first = limits::segment_bytes_first;
  logging::Level log_level = logging::Level::info;
  logging::Format log_format = logging::Format::text;
};

}  // namespace holdfast::node
