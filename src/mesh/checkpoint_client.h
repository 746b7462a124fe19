// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "mesh/secret.h"
#include "table/store.h"
#include "tls/channel.h"

namespace holdfast::mesh {

struct FetchOptions {
  std::vector<std::string> peers;  // "HOST:PORT", asked in turn
  std::string cluster;
  std::string node;                                   // who asks
  std::uint64_t origin = 0;                           // its log's incarnation
  bool whole = false;                                 // eventual keyspaces too
  Secret secret;                                      // the cluster's, if its nodes sign in
  std::shared_ptr<const tls::RenewableIdentity> tls;  // if they use it
  int rounds_max = 3;   // through all peers, while one that failed may yet do better
  Millis pause{1'000};  // between rounds
  Millis connect_max{5'000};
  Millis idle_max = std::chrono::seconds(limits::mesh_stall_seconds_max);  // without a byte
  Millis overall_max = std::chrono::hours(1);
  const std::atomic<bool>* cancel = nullptr;  // looked at ten times a second
};

struct FetchedCheckpoint {
  Position position;  // of the shared log, that it includes
  std::string peer;   // the address it came from
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of keys and values
};

/// Loads a peer's last checkpoint into `staging`, which is empty: whole and
/// checked, or an error (kUnavailable: no peer could give one; what each said is
/// in the message) and then `staging` is to be thrown away. Blocks; for a node
/// that does not serve yet. Holds limits::mesh_checkpoint_batch_bytes of rows, or
/// one larger row, and logs its progress.
Result<FetchedCheckpoint> fetch_checkpoint(const FetchOptions& options, Store& staging);

}  // namespace holdfast::mesh
