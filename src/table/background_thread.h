// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast {

/// The calling thread does work that nobody waits for (writing a checkpoint, freeing what is
/// large): from now on it gets a processor mostly when no other thread wants it. Where there are
/// fewer processors than busy threads the one that answers would else wait for its turn.
void run_in_background();

}  // namespace holdfast
