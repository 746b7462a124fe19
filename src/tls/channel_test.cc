// SPDX-License-Identifier: Apache-2.0
#include "mesh/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "mesh/test_certificates.h"

namespace holdfast::mesh {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// One end, and what it has heard.
struct Talker {
  Talker(const std::shared_ptr<const TlsIdentity>& identity, End end) : channel(identity, end) {}

  std::string say(std::string text) {
    channel.seal(text);
    return text;
  }
  void hear(std::string_view wire) {
    channel.feed(wire);
    std::array<char, 1000> room;
    while (why.empty()) {
      const auto read = channel.read(room);
      if (!read) why = read.error().message;
      if (!read || *read == 0) return;
      heard.append(room.data(), *read);
    }
  }

  Channel channel;
  std::string heard;
  std::string why;  // it hears no more
};

/// Carries what both have to say in pieces until neither has more.
void talk(Talker& a, Talker& b, std::size_t piece) {
  std::string to_b = a.say({}), to_a = b.say({});
  while (!to_a.empty() || !to_b.empty()) {
    const std::size_t n = std::min(piece, to_b.size()), m = std::min(piece, to_a.size());
    b.hear(to_b.substr(0, n));
    a.hear(to_a.substr(0, m));
    to_b = to_b.substr(n) + a.say({});
    to_a = to_a.substr(m) + b.say({});
  }
}

TEST(Tls, WhatOneEndSaysTheOtherHearsInAnyPieces) {
  testing::Certificates cluster("shop");
  const auto one = cluster.identity("n1"), two = cluster.identity("n2");
  for (const std::size_t piece : {1U, 7U, 1'000U, 1'000'000U}) {
    Talker a(one, End::dialer), b(two, End::accepter);
    std::string early = a.say("said before they have agreed ");
    EXPECT_THAT(early, Not(HasSubstr("said")));
    b.hear(early);
    talk(a, b, piece);
    const std::string much(100'000, 'x');
    const std::string wire = a.say(much);
    EXPECT_THAT(wire, Not(HasSubstr("xxxx")));
    for (std::size_t at = 0; at < wire.size(); at += piece) b.hear(wire.substr(at, piece));
    a.hear(b.say("the answer"));
    EXPECT_EQ(b.heard, "said before they have agreed " + much);
    EXPECT_EQ(a.heard, "the answer");
    EXPECT_EQ(a.why + b.why, "");
  }
}

TEST(Tls, ACertificateOfAnotherClusterIsNotTrustedByEitherEnd) {
  testing::Certificates cluster("shop"), other("stranger");
  const auto node = cluster.identity("n1"), stranger = other.identity("n2");
  Talker dialer(node, End::dialer), accepter(stranger, End::accepter);
  talk(dialer, accepter, 100);
  EXPECT_THAT(dialer.why, HasSubstr("not to be trusted"));
  // Who dials believes whom it trusts, and is not believed.
  Talker strange(TlsIdentity::load(cluster.ca(), other.certificate("n2"), other.key("n2")).value(),
                 End::dialer);
  Talker strict(node, End::accepter);
  strict.hear(strange.say("let me in"));
  talk(strange, strict, 100);
  EXPECT_THAT(strict.why, HasSubstr("not to be trusted"));
  EXPECT_EQ(strict.heard, "");
}

TEST(Tls, WhatIsChangedOnItsWayIsNoticed) {
  testing::Certificates cluster("shop");
  Talker a(cluster.identity("n1"), End::dialer), b(cluster.identity("n2"), End::accepter);
  talk(a, b, 100);
  std::string wire = a.say("pay 1");
  wire[wire.size() - 3] = static_cast<char>(wire[wire.size() - 3] ^ 1);
  b.hear(wire);
  EXPECT_EQ(b.heard, "");
  EXPECT_THAT(b.why, HasSubstr("TLS"));
}

TEST(Tls, WhatIsNoTlsIsRefused) {
  testing::Certificates cluster("shop");
  Talker node(cluster.identity("n1"), End::accepter);
  node.hear("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(node.why, HasSubstr("TLS"));
}

TEST(Tls, WithoutAnIdentityBytesStayAsTheyAre) {
  Channel plain({}, End::dialer);
  EXPECT_TRUE(plain.is_plain());
  EXPECT_FALSE(plain.has_output());
  std::string bytes = "as they are";
  plain.seal(bytes);
  EXPECT_EQ(bytes, "as they are");
}

TEST(Tls, FilesThatCannotBeUsedAreNamed) {
  testing::Certificates cluster("shop");
  cluster.issue("n1");
  cluster.issue("n2");
  const auto why = [](const std::string& ca, const std::string& certificate,
                      const std::string& key) {
    const auto identity = TlsIdentity::load(ca, certificate, key);
    return identity ? std::string() : identity.error().message;
  };
  const std::string ca = cluster.ca(), certificate = cluster.certificate("n1"),
                    key = cluster.key("n1");
  EXPECT_EQ(why(ca, certificate, key), "");
  EXPECT_THAT(why("/none.pem", certificate, key), HasSubstr("/none.pem"));
  EXPECT_THAT(why(ca, "/none.pem", key), HasSubstr("/none.pem"));
  EXPECT_THAT(why(ca, certificate, "/none.key"), HasSubstr("/none.key"));
  EXPECT_THAT(why(ca, certificate, cluster.key("n2")), HasSubstr("n2.key"));
  std::ofstream(key) << "no key";
  EXPECT_THAT(why(ca, certificate, key), HasSubstr("n1.key: no key"));
}

}  // namespace
}  // namespace holdfast::mesh
