// SPDX-License-Identifier: Apache-2.0
#include "lab/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> links(const Places& places, std::string_view name) {
  std::vector<std::string> names;
  const auto pieces = places.links_of(name).value();
  names.reserve(pieces.size());
  for (const auto& piece : pieces)
    names.push_back(piece.from.empty() ? piece.link : piece.link + " from " + piece.from);
  return names;
}

TEST(Places, ALinkIsNamedFromEitherEndAndCutOneWay) {
  const Places places(3, 3);
  EXPECT_THAT(links(places, "node1-node2"), ElementsAre("node1-node2"));
  EXPECT_THAT(links(places, "node2-node1"), ElementsAre("node1-node2"));
  EXPECT_THAT(links(places, "node2>node1"), ElementsAre("node1-node2 from node2"));
  EXPECT_THAT(links(places, "etcd2-node1"), ElementsAre("node1-etcd2"));
  EXPECT_THAT(links(places, "clients-node3"), ElementsAre("clients-node3"));
}

TEST(Places, AProcessStandsForItsLinksButNotItsClients) {
  const Places places(3, 2);
  EXPECT_THAT(links(places, "node3"),
              ElementsAre("node1-node3", "node2-node3", "node3-etcd1", "node3-etcd2"));
  EXPECT_THAT(links(places, "etcd1"),
              ElementsAre("node1-etcd1", "node2-etcd1", "node3-etcd1", "etcd1-etcd2"));
}

TEST(Places, Groups) {
  const Places places(2, 1);
  EXPECT_THAT(links(places, "mesh"), ElementsAre("node1-node2"));
  EXPECT_THAT(links(places, "etcd"), ElementsAre("node1-etcd1", "node2-etcd1"));
  EXPECT_THAT(links(places, "clients"), ElementsAre("clients-node1", "clients-node2"));
  EXPECT_EQ(links(places, "all").size(), 5u);
}

TEST(Places, WhatIsNotThereIsNamedWithWhatIs) {
  const Places places(2, 0);
  for (const char* const name :
       {"node3", "etcd1", "etcd", "node1-node3", "", "-", "node1>", "clients>"}) {
    const auto found = places.links_of(name);
    ASSERT_FALSE(found) << name;
    EXPECT_THAT(found.error().message, HasSubstr("node1-node2"));
  }
  EXPECT_TRUE(places.is_process("node2"));
  EXPECT_FALSE(places.is_process("clients"));
}

}  // namespace
}  // namespace holdfast::lab
