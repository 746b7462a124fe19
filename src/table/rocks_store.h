// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "table/store.h"

namespace holdfast::table {

/// As open_rocks_store() of table/store.h, over files that a test can harm.
Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory,
                                                const std::shared_ptr<rocksdb::FileSystem>& files);

}  // namespace holdfast::table
