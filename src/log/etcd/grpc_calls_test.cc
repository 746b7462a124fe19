// SPDX-License-Identifier: Apache-2.0
// What a failed call leaves open: a write that may have landed must never be taken for one
// that did not.
#include "log/etcd/grpc_calls.h"

#include <gtest/gtest.h>

namespace holdfast::etcd {
namespace {

using grpc::StatusCode;
using Kind = Failure::Kind;

Kind kind_of(StatusCode code, const char* text) {
  return failure_of(grpc::Status(code, text)).kind;
}

TEST(FailedCall, IsInDoubtUnlessItSaysMore) {
  for (const StatusCode code :
       {StatusCode::CANCELLED, StatusCode::UNKNOWN, StatusCode::DEADLINE_EXCEEDED,
        StatusCode::ABORTED, StatusCode::INTERNAL, StatusCode::UNAVAILABLE,
        StatusCode::DATA_LOSS}) {
    EXPECT_EQ(kind_of(code, "etcdserver: request timed out"), Kind::unknown) << code;
  }
}

TEST(FailedCall, WithoutAConnectionWasNotDone) {
  EXPECT_EQ(kind_of(StatusCode::UNAVAILABLE, "failed to connect to all addresses"), Kind::not_done);
  EXPECT_EQ(kind_of(StatusCode::DEADLINE_EXCEEDED, "failed to connect to all addresses"),
            Kind::unknown)
      << "only gRPC's own word for it counts";
}

TEST(FailedCall, IsWhatEtcdSaysOfIt) {
  EXPECT_EQ(kind_of(StatusCode::RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"),
            Kind::no_space);
  EXPECT_EQ(kind_of(StatusCode::RESOURCE_EXHAUSTED, "etcdserver: too many requests"),
            Kind::not_done);
  EXPECT_EQ(
      kind_of(StatusCode::OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"),
      Kind::compacted);
  EXPECT_EQ(kind_of(StatusCode::UNAUTHENTICATED, "etcdserver: invalid auth token"), Kind::not_done);
  EXPECT_EQ(kind_of(StatusCode::INVALID_ARGUMENT, "etcdserver: user name is empty"),
            Kind::not_done);
  EXPECT_EQ(kind_of(StatusCode::INVALID_ARGUMENT, "etcdserver: request is too large"),
            Kind::invalid);
  EXPECT_EQ(kind_of(StatusCode::PERMISSION_DENIED, "etcdserver: permission denied"), Kind::invalid);
}

}  // namespace
}  // namespace holdfast::etcd
