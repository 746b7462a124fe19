// SPDX-License-Identifier: Apache-2.0
#if defined(HOLDFAST_THREAD_SANITIZER)

// Debian's libraries are not built for the thread sanitizer, which so misses the
// order that their atomics and gRPC's own mutexes give. Whatever has one of these
// in its stack is not judged. (gRPC's headers put some of its code into ours.)
// cmake/Holdfast.cmake has every binary link this file.
extern "C" const char* __tsan_default_suppressions();  // NOLINT: the name is fixed
extern "C" const char* __tsan_default_suppressions() {
  return "race:librocksdb\n"
         "race:libgrpc\n"
         "race:libgpr\n"
         "race:libabsl\n"
         "race:^grpc::\n";
}

#endif
