// SPDX-License-Identifier: Apache-2.0
#include "lab/broken.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Broken, NothingIsSaidOfWhatIsWhole) {
  EXPECT_THAT(describe_broken({{.first = "node1", .second = "node2"}}, {}, {}), IsEmpty());
}

TEST(Broken, WhoHasNoLinkLeftIsCutOff) {
  const std::vector<LinkState> links = {
      {.first = "node1", .second = "node2"},
      {.first = "node1", .second = "node3", .cut_forth = true, .cut_back = true},
      {.first = "node2", .second = "node3", .cut_forth = true, .cut_back = true},
      {.first = "clients", .second = "node3"},
  };
  EXPECT_THAT(describe_broken(links, {}, {}), ElementsAre("node3 is cut off"));
}

TEST(Broken, EachThingIsToldOnce) {
  const std::vector<LinkState> links = {
      {.first = "node1", .second = "node2", .cut_forth = true},
      {.first = "node1", .second = "node3", .delay = Millis(80), .jitter = Millis(20)},
      {.first = "node2", .second = "node3", .delay = Millis(80), .jitter = Millis(20)},
      {.first = "clients", .second = "node3", .lost_replies = 0.2},
      {.first = "clients", .second = "node1", .loss = 0.05},
      {.first = "node3", .second = "etcd1", .cut_forth = true, .cut_back = true},
      {.first = "node2", .second = "etcd1"},
  };
  EXPECT_THAT(
      describe_broken(links, {"node2"}, {"etcd1", "etcd2"}),
      ElementsAre("node1>node2, node3-etcd1 are cut", "clients-node3 is losing 20% of the replies",
                  "clients-node1 is losing 5% of what passes",
                  "node1-node3, node2-node3 are slower by 80 to 100 ms each way", "node2 is paused",
                  "etcd1, etcd2 are killed"));
}

TEST(Broken, WhereAllLinksOfAKindAreTheKindIsNamed) {
  const std::vector<LinkState> links = {
      {.first = "node1", .second = "node2", .cut_forth = true, .cut_back = true},
      {.first = "node1", .second = "node3", .cut_forth = true, .cut_back = true},
      {.first = "node2", .second = "node3", .cut_forth = true, .cut_back = true},
      {.first = "node1", .second = "etcd1", .loss = 0.1},
      {.first = "node2", .second = "etcd1", .loss = 0.1},
      {.first = "node3", .second = "etcd1", .loss = 0.1},
      {.first = "clients", .second = "node1", .lost_replies = 0.2},
      {.first = "clients", .second = "node2", .lost_replies = 0.2},
  };
  EXPECT_THAT(describe_broken(links, {}, {}),
              ElementsAre("all links between nodes are cut",
                          "all links to etcd are losing 10% of what passes",
                          "all clients' links are losing 20% of the replies"));
}

}  // namespace
}  // namespace holdfast::lab
