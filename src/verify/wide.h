// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast::verify {

/// For sums of a history's increments: no history can overflow it.
__extension__ using Wide = __int128;

}  // namespace holdfast::verify
