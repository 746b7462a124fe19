// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "catalog/tokens.h"

namespace holdfast {

/// Somebody who signs in. What it owns stands with the keyspaces.
struct Service {
  ServiceId id;
  std::string name;  // as a keyspace's
  bool administers = false;
  TokenHash token;
  /// The one before, which still counts for a while after ROTATE.
  std::optional<TokenHash> former;
  Instant former_until{};
  Instant created{};
};

/// The services by name, id and token. As the catalog of keyspaces: pure,
/// deterministic, changed through the strong log alone, ids never given again.
/// While there is none nobody has to sign in; from the first on there is always
/// one that administers. One thread.
class Services {
 public:
  /// Pointers hold until the service is dropped or decode() is called.
  const Service* find(std::string_view name) const;
  const Service* find(ServiceId id) const;
  /// Whose token that is at present; null: nobody's.
  const Service* by_token(const TokenHash& token, Instant now) const;
  /// In the order of their ids.
  std::vector<const Service*> all() const;
  bool empty() const { return by_id_.empty(); }
  /// Grows with every change.
  std::uint64_t version() const { return version_; }

  // -- Changing. Errors are kErr and leave everything as it was.

  Result<const Service*> create(std::string_view name, bool administers, const TokenHash& token,
                                Instant now);
  /// Another token; the one that counts now goes on counting for `overlap`.
  Result<const Service*> rotate(std::string_view name, const TokenHash& token, Millis overlap,
                                Instant now);
  Status drop(std::string_view name);

  // For the checkpoint: docs/formats/services.md.
  std::string encode() const;
  /// kCorrupt, and nothing changed, when the bytes are no services.
  Status decode(std::string_view bytes);

 private:
  bool is_last_administrator(const Service& service) const;

  std::map<std::uint32_t, std::unique_ptr<Service>> by_id_;
  std::map<std::string, Service*, std::less<>> by_name_;
  std::uint32_t next_id_ = 1;
  std::uint64_t version_ = 0;
};

}  // namespace holdfast
