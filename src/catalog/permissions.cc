// SPDX-License-Identifier: Apache-2.0
#include "catalog/permissions.h"

#include <fmt/format.h>

namespace holdfast::permissions {

bool may_use(const Services& services, const Keyspace& keyspace, ServiceId caller) {
  if (services.empty()) return true;
  const Service* const service = services.find(caller);
  if (service == nullptr) return false;
  return keyspace.owner.empty() || keyspace.owner == service->name;
}

Error not_the_owner(const Keyspace& keyspace) {
  return {Code::no_permission,
          fmt::format("keyspace '{}' belongs to service '{}', which alone reads and writes there; "
                      "it has published no functions",
                      keyspace.name, keyspace.owner)};
}

bool may_administer(const Services& services, ServiceId caller) {
  if (services.empty()) return true;
  const Service* const service = services.find(caller);
  return service != nullptr && service->administers;
}

Status check_administers(const Services& services, ServiceId caller, std::string_view what) {
  if (may_administer(services, caller)) return {};
  return fail(Code::no_permission,
              fmt::format("{} is for a service that administers (SERVICE CREATE … ADMIN)", what));
}

}  // namespace holdfast::permissions
