// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/libraries.h"
#include "catalog/services.h"

/// Who may do what (3-contract section 6). While no service is declared
/// everybody may do everything. Pure.
namespace holdfast::permissions {

/// Whether the caller reads and writes in the keyspace: its owner does, and
/// where there is none everybody who has signed in.
bool may_use(const Services& services, const Keyspace& keyspace, ServiceId caller);
/// What else it is told: whose it is, and which functions it may call instead.
Error not_the_owner(const Services& services, const function::Functions& functions,
                    const Keyspace& keyspace, ServiceId caller);
/// The same about functions that are not for it.
Error not_published(const Services& services, const function::Functions& functions,
                    const Keyspace& keyspace, ServiceId caller, std::string_view function);
Status check_use(const Services& services, Libraries& libraries, const Keyspace& keyspace,
                 ServiceId caller);

/// Whether it declares services and keyspaces, and works on nodes.
bool may_administer(const Services& services, ServiceId caller);
/// `what` begins the sentence: "KEYSPACE CREATE".
Status check_administers(const Services& services, ServiceId caller, std::string_view what);

/// Whether it sees that the keyspace is there, and its settings.
inline bool may_see(const Services& services, const Keyspace& keyspace, ServiceId caller) {
  return may_use(services, keyspace, caller) || may_administer(services, caller);
}

}  // namespace holdfast::permissions
