// SPDX-License-Identifier: Apache-2.0
#include "tls/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tls/test_certificates.h"

namespace holdfast::tls {
namespace {

using ::testing::HasSubstr;

std::string why(RenewableIdentity::Load load, const Files& files) {
  const auto identity = load(files);
  return identity ? std::string() : identity.error().message;
}

TEST(Identity, FilesThatCannotBeUsedAreNamed) {
  testing::Certificates cluster("shop");
  cluster.issue("n1");
  cluster.issue("n2");
  const Files good = cluster.files("n1");
  for (const auto load : {Identity::for_nodes, Identity::for_clients}) {
    const auto with = [&](auto field, const std::string& path) {
      Files files = good;
      files.*field = path;
      return why(load, files);
    };
    EXPECT_EQ(why(load, good), "");
    EXPECT_THAT(with(&Files::ca, "/none.pem"), HasSubstr("/none.pem"));
    EXPECT_THAT(with(&Files::certificate, "/none.pem"), HasSubstr("/none.pem"));
    EXPECT_THAT(with(&Files::key, "/none.key"), HasSubstr("/none.key"));
    EXPECT_THAT(with(&Files::key, cluster.key("n2")), HasSubstr("n2.key"));
    EXPECT_THAT(with(&Files::ca, good.key), HasSubstr("n1.key: no certificates of who signs"));
    EXPECT_THAT(with(&Files::certificate, good.key), HasSubstr("n1.key: no certificate"));
  }
  std::ofstream(good.key) << "no key";
  EXPECT_THAT(why(Identity::for_nodes, good), HasSubstr("n1.key: no key"));
  EXPECT_THAT(why(Identity::for_clients, good), HasSubstr("n1.key: no key"));
}

TEST(Identity, ClientsNeedNoCa) {
  testing::Certificates shop("shop");
  shop.issue("server");
  Files files = shop.files("server");
  files.ca.clear();
  EXPECT_EQ(why(Identity::for_clients, files), "");
}

TEST(Identity, AKeyUnderAPassphraseIsRefusedAndNobodyIsAsked) {
  testing::Certificates shop("shop");
  shop.issue("server");
  const Files files = shop.files("server");
  shop.lock_key("server", "secret");
  EXPECT_THAT(why(Identity::for_clients, files), HasSubstr("server.key: no key"));
}

TEST(Identity, WhatIsReadAgainIsNewAndWhatCannotBeReadChangesNothing) {
  testing::Certificates shop("shop");
  const auto identity = shop.server("server");
  const auto first = identity->now();
  shop.issue("server");
  ASSERT_TRUE(identity->renew());
  const auto second = identity->now();
  EXPECT_NE(first, second);

  std::ofstream(shop.certificate("server")) << "-----BEGIN CERTIFICATE-----\nAAAA\n";
  const Status broken = identity->renew();
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("server.pem"));
  EXPECT_EQ(identity->now(), second);
  // A certificate without its key: between the two copies of who replaces both.
  shop.issue("server");
  const std::string key = shop.key("server");
  std::ofstream(key, std::ios::trunc).close();
  ASSERT_FALSE(identity->renew());
  EXPECT_EQ(identity->now(), second);
  shop.issue("server");
  EXPECT_TRUE(identity->renew());
  EXPECT_NE(identity->now(), second);
}

}  // namespace
}  // namespace holdfast::tls
