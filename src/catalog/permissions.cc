// SPDX-License-Identifier: Apache-2.0
#include "catalog/permissions.h"

#include <fmt/format.h>

namespace holdfast::permissions {
namespace {

// What the owner has published to the caller, as the end of a sentence.
std::string callable(const Services& services, const function::Functions& functions,
                     const Keyspace& keyspace, ServiceId caller) {
  constexpr std::size_t named_max = 32;
  const Service* const service = services.find(caller);
  std::string names;
  std::size_t count = 0;
  for (const auto& [name, library] : functions.libraries()) {
    for (const function::Published& one : library->functions()) {
      if (service == nullptr || !function::is_for(one, service->name)) continue;
      if (++count > named_max) continue;
      names += fmt::format("{}{}.{}", names.empty() ? "" : ", ", keyspace.name, one.name);
    }
  }
  if (count == 0) return "it has published no functions to this one";
  return fmt::format("this one may call: {}{}", names, count > named_max ? ", …" : "");
}

}  // namespace

bool may_use(const Services& services, const Keyspace& keyspace, ServiceId caller) {
  if (services.empty()) return true;
  const Service* const service = services.find(caller);
  if (service == nullptr) return false;
  return keyspace.owner.empty() || keyspace.owner == service->name;
}

Error not_the_owner(const Services& services, const function::Functions& functions,
                    const Keyspace& keyspace, ServiceId caller) {
  return {
      Code::no_permission,
      fmt::format("keyspace '{}' belongs to service '{}', which alone reads and writes there; {}",
                  keyspace.name, keyspace.owner, callable(services, functions, keyspace, caller))};
}

Error not_published(const Services& services, const function::Functions& functions,
                    const Keyspace& keyspace, ServiceId caller, std::string_view function) {
  return {Code::no_permission,
          fmt::format(
              "'{}.{}' is not for this service to call; keyspace '{}' belongs to service '{}', {}",
              keyspace.name, function, keyspace.name, keyspace.owner,
              callable(services, functions, keyspace, caller))};
}

Status check_use(const Services& services, Libraries& libraries, const Keyspace& keyspace,
                 ServiceId caller) {
  if (may_use(services, keyspace, caller)) return {};
  return tl::unexpected(not_the_owner(services, libraries.of(keyspace.id), keyspace, caller));
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
