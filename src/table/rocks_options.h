// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/options.h>

#include <atomic>
#include <memory>

namespace holdfast::table {

/// How the checkpoint's RocksDB is set up: for a small machine, with bounded
/// caches and one thread that compacts. Sets `stopped` when an error has made
/// RocksDB refuse changes for good.
rocksdb::Options rocks_options(std::shared_ptr<std::atomic<bool>> stopped);

}  // namespace holdfast::table
