// SPDX-License-Identifier: Apache-2.0
#include "node/peer_checkpoint.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "catalog/catalog.h"
#include "log/file_system.h"
#include "node/checkpoint_keys.h"
#include "workflow/engine.h"

namespace holdfast::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t commit_bytes_max = 32_MiB;
constexpr std::size_t prefix_bytes = 4;  // keyspace_row_prefix()

std::uint32_t keyspace_of_row(std::string_view key) {
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < prefix_bytes; ++i) id = id << 8 | static_cast<unsigned char>(key[i]);
  return id;
}

Status failed(const fs::filesystem_error& error) {
  return fail(Code::io, error.what());
}

Status sync_parent(const std::string& path) {
  return posix_file_system().sync_directory(fs::path(path).parent_path().string());
}

/// Gathers rows and commits them when they are many.
class Copier {
 public:
  explicit Copier(Store& to) : to_(to) {}
  Status put(Family family, std::string_view key, std::string_view value) {
    rows_.put(family, key, value);
    return rows_.bytes() < commit_bytes_max ? Status() : commit();
  }
  Status commit() { return to_.commit(std::exchange(rows_, CheckpointRows())); }

 private:
  Store& to_;
  CheckpointRows rows_;
};

Result<Catalog*> load_catalog(Store& store, Catalog& catalog) {
  auto bytes = store.get(Family::meta, checkpoint_key::catalog);
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return nullptr;
  if (Status s = catalog.decode(**bytes); !s) return tl::unexpected(s.error());
  return &catalog;
}

}  // namespace

Result<StrongRows> StrongRows::of(std::string_view catalog) {
  Catalog decoded;
  if (Status s = decoded.decode(catalog); !s) return tl::unexpected(s.error());
  StrongRows rows;
  // The catalog's own ids, and the workflows, which the catalog does not list.
  rows.keyspaces_ = {0, workflow::current_keyspace.value, workflow::ended_keyspace.value};
  for (const Keyspace* keyspace : decoded.all()) {
    if (keyspace->guarantee == Guarantee::strong) rows.keyspaces_.insert(keyspace->id.value);
  }
  return rows;
}

bool StrongRows::operator()(Family family, std::string_view key) const {
  switch (family) {
    case Family::meta:
      return key == checkpoint_key::catalog || key == checkpoint_key::machine ||
             key == checkpoint_key::members || key == checkpoint_key::services ||
             key == checkpoint_key::libraries || key == checkpoint_key::log_place;
    case Family::table:
    case Family::ids:
      return key.size() >= prefix_bytes && keyspaces_.contains(keyspace_of_row(key));
    case Family::open:
      return false;
  }
  return false;
}

Status TableFolders::settle() const {
  try {
    // Between the two renames of adopt_incoming(): what was received is whole.
    if (!fs::exists(table) && fs::exists(replaced) && fs::exists(incoming)) {
      fs::rename(incoming, table);
      if (Status s = sync_parent(table); !s) return s;
    }
    fs::remove_all(incoming);
    fs::remove_all(replaced);
  } catch (const fs::filesystem_error& error) {
    return failed(error);
  }
  return {};
}

Status TableFolders::discard_incoming() const {
  try {
    fs::remove_all(incoming);
  } catch (const fs::filesystem_error& error) {
    return failed(error);
  }
  return {};
}

Status TableFolders::adopt_incoming() const {
  try {
    fs::remove_all(replaced);
    if (fs::exists(table)) fs::rename(table, replaced);
    if (Status s = sync_parent(table); !s) return s;
    fs::rename(incoming, table);
    if (Status s = sync_parent(table); !s) return s;
    fs::remove_all(replaced);
  } catch (const fs::filesystem_error& error) {
    return failed(error);
  }
  return {};
}

Status keep_eventual_rows(Store& own, Store& incoming) {
  Catalog here;
  Catalog there;
  const auto known = load_catalog(own, here);
  if (!known) return tl::unexpected(known.error());
  if (*known == nullptr) return {};  // a new node
  const auto received = load_catalog(incoming, there);
  if (!received) return tl::unexpected(received.error());
  if (*received == nullptr) return fail(Code::corrupt, "the checkpoint has no catalog");

  Copier copier(incoming);
  Status status;
  const auto copy = [&](Family family, std::string_view prefix) {
    const Status scanned =
        own.scan(family, prefix, prefix, [&](std::string_view key, std::string_view value) {
          status = copier.put(family, key, value);
          return status.has_value();
        });
    if (status && !scanned) status = scanned;
    return status.has_value();
  };
  for (const Keyspace* keyspace : here.all()) {
    if (keyspace->guarantee != Guarantee::eventual || there.find(keyspace->id) == nullptr) continue;
    const std::string prefix = keyspace_row_prefix(keyspace->id);
    for (const Family family : {Family::table, Family::ids, Family::open}) {
      if (!copy(family, prefix)) return status;
    }
  }
  for (const std::string_view key : {checkpoint_key::replica, checkpoint_key::origin_position}) {
    auto value = own.get(Family::meta, key);
    if (!value) return tl::unexpected(value.error());
    if (!*value) continue;
    if (Status s = copier.put(Family::meta, key, **value); !s) return s;
  }
  return copier.commit();
}

}  // namespace holdfast::node
