// SPDX-License-Identifier: Apache-2.0
#include "tls/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tls/test_certificates.h"
#include "tls/test_client.h"

namespace holdfast::tls {
namespace {

using testing::Certificates;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TlsClient;

/// One end, and what it has heard.
struct Talker {
  explicit Talker(Channel made) : channel(std::move(made)) {}

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

Talker dialer(const std::shared_ptr<RenewableIdentity>& identity) {
  return Talker(Channel::dialing(identity.get()));
}
Talker accepter(const std::shared_ptr<RenewableIdentity>& identity) {
  return Talker(Channel::accepting(identity.get()));
}

/// Carries what both have to say in pieces until neither has more.
template <typename A, typename B>
void talk(A& a, B& b, std::size_t piece = 1'000'000) {
  std::string to_b = a.say({}), to_a = b.say({});
  while (!to_a.empty() || !to_b.empty()) {
    const std::size_t n = std::min(piece, to_b.size()), m = std::min(piece, to_a.size());
    b.hear(to_b.substr(0, n));
    a.hear(to_a.substr(0, m));
    to_b = to_b.substr(n) + a.say({});
    to_a = to_a.substr(m) + b.say({});
  }
}

Files nobody(const Certificates& signer) {
  return {.ca = signer.ca(), .certificate = {}, .key = {}};
}

TEST(Channel, WhatOneEndSaysTheOtherHearsInAnyPieces) {
  Certificates cluster("shop");
  const auto one = cluster.identity("n1"), two = cluster.identity("n2");
  for (const std::size_t piece : {1U, 7U, 1'000U, 1'000'000U}) {
    Talker a = dialer(one), b = accepter(two);
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

TEST(Channel, ACertificateOfAnotherClusterIsNotTrustedByEitherEnd) {
  Certificates cluster("shop"), other("stranger");
  const auto node = cluster.identity("n1"), stranger = other.identity("n2");
  Talker trusting = dialer(node), unknown = accepter(stranger);
  talk(trusting, unknown, 100);
  EXPECT_THAT(trusting.why, HasSubstr("not to be trusted"));
  // Who dials believes whom it dials, and is not believed.
  Files mixed = other.files("n2");
  mixed.ca = cluster.ca();
  Talker strange = dialer(RenewableIdentity::load(Identity::for_nodes, mixed).value());
  Talker strict = accepter(node);
  strict.hear(strange.say("let me in"));
  talk(strange, strict, 100);
  EXPECT_THAT(strict.why, HasSubstr("not to be trusted"));
  EXPECT_EQ(strict.heard, "");
}

TEST(Channel, ANodeWithoutACertificateIsRefused) {
  Certificates cluster("shop");
  TlsClient client(nobody(cluster));
  Talker node = accepter(cluster.identity("n1"));
  talk(client, node);
  EXPECT_THAT(node.why, HasSubstr("did not return a certificate"));
  EXPECT_NE(client.why(), "");
}

TEST(Channel, NodesSpeakNothingOlderThanTls13) {
  Certificates cluster("shop");
  cluster.issue("n2");
  TlsClient client(cluster.files("n2"), TLS1_2_VERSION);
  Talker node = accepter(cluster.identity("n1"));
  talk(client, node);
  EXPECT_FALSE(client.agreed());
  EXPECT_THAT(node.why, HasSubstr("unsupported protocol"));
}

TEST(Channel, AClientSpeaksEitherVersionAndShowsACertificateOrNone) {
  Certificates shop("shop");
  const auto server = shop.server();
  shop.issue("accounts");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool shows : {false, true}) {
      TlsClient client(shows ? shop.files("accounts") : nobody(shop), version);
      Talker end = accepter(server);
      end.hear(client.say("early "));
      talk(client, end);
      end.hear(client.say("question"));
      client.hear(end.say("answer"));
      EXPECT_EQ(end.heard, "early question");
      EXPECT_EQ(client.heard(), "answer");
      EXPECT_EQ(end.channel.peer_name(), shows ? "accounts" : "");
      EXPECT_EQ(client.version(), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
      if (version == TLS1_2_VERSION) {
        EXPECT_THAT(client.cipher(), HasSubstr("ECDHE"));
      }
      EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(client.ssl())), 0) << "nothing to resume";
    }
  }
}

TEST(Channel, AnyPieceOfAHandshakeMayComeAlone) {
  Certificates shop("shop");
  const auto server = shop.server();
  shop.issue("accounts");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(shop.files("accounts"), version);
    Talker end = accepter(server);
    for (const char c : client.say("question")) end.hear({&c, 1});
    talk(client, end, 1);
    EXPECT_EQ(end.heard, "question");
    EXPECT_EQ(end.channel.peer_name(), "accounts");
    client.hear(end.say("answer"));
    EXPECT_EQ(client.heard(), "answer");
  }
}

TEST(Channel, OldVersionsAndWeakCiphersAreNotSpokenWithClients) {
  Certificates shop("shop");
  const auto server = shop.server();
  TlsClient old(nobody(shop), TLS1_1_VERSION);
  Talker end = accepter(server);
  talk(old, end);
  EXPECT_FALSE(old.agreed());
  TlsClient weak(nobody(shop), TLS1_2_VERSION);
  ASSERT_EQ(SSL_set_cipher_list(weak.ssl(), "ECDHE-ECDSA-AES256-SHA384:AES256-GCM-SHA384"), 1);
  Talker strong = accepter(server);
  talk(weak, strong);
  EXPECT_THAT(strong.why, HasSubstr("no shared cipher"));
}

TEST(Channel, ACertificateThatIsNotTheCasOrIsNoLongerGoodEndsAClientsConnection) {
  Certificates shop("shop"), other("stranger");
  const auto server = shop.server();
  other.issue("accounts");
  Files foreign = other.files("accounts");
  foreign.ca = shop.ca();
  shop.issue("late", -60);
  for (const Files& files : {foreign, shop.files("late")}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      TlsClient client(files, version);
      Talker end = accepter(server);
      end.hear(client.say("let me in"));
      talk(client, end);
      EXPECT_THAT(end.why, HasSubstr("not to be trusted"));
      EXPECT_EQ(end.heard, "");
      EXPECT_EQ(end.channel.peer_name(), "");
      EXPECT_FALSE(end.channel.is_open());
      EXPECT_THAT(client.why(), HasSubstr("alert"));
    }
  }
}

TEST(Channel, WhoAsksForNoCertificateKnowsNoName) {
  Certificates shop("shop");
  shop.issue("server");
  shop.issue("accounts");
  Files files = shop.files("server");
  files.ca.clear();
  TlsClient client(shop.files("accounts"));
  Talker end = accepter(RenewableIdentity::load(Identity::for_clients, files).value());
  talk(client, end);
  EXPECT_TRUE(end.channel.is_open());
  EXPECT_EQ(end.channel.peer_name(), "");
}

TEST(Channel, ANameIsWholeAndTheOnlyOne) {
  Certificates shop("shop");
  const auto server = shop.server();
  const auto name_of = [&](const std::vector<std::string>& names) {
    shop.issue_as("client", names);
    TlsClient client(shop.files("client"));
    Talker end = accepter(server);
    talk(client, end);
    EXPECT_TRUE(end.channel.is_open());
    return end.channel.peer_name();
  };
  EXPECT_EQ(name_of({"root"}), "root");
  EXPECT_EQ(name_of({"Übung 1"}), "Übung 1");
  EXPECT_EQ(name_of({"shop", "root"}), "");
  EXPECT_EQ(name_of({}), "");
  const std::string cut("root\0.example", 13);
  EXPECT_EQ(name_of({cut}), cut);
}

TEST(Channel, WhatIsChangedOnItsWayIsNoticed) {
  Certificates cluster("shop");
  Talker a = dialer(cluster.identity("n1")), b = accepter(cluster.identity("n2"));
  talk(a, b, 100);
  std::string wire = a.say("pay 1");
  wire[wire.size() - 3] = static_cast<char>(wire[wire.size() - 3] ^ 1);
  b.hear(wire);
  EXPECT_EQ(b.heard, "");
  EXPECT_THAT(b.why, HasSubstr("TLS"));
  EXPECT_FALSE(b.channel.has_ended());
  EXPECT_FALSE(b.channel.is_open());
}

TEST(Channel, WhatIsNoTlsIsRefusedFromItsFirstByteOnWithAnAlert) {
  Certificates shop("shop");
  const auto server = shop.server();
  for (const char* text : {"*1\r\n$4\r\nPING\r\n", "P", "GET / HTTP/1.1\r\n\r\n", "\x80\x01"}) {
    Talker end = accepter(server);
    end.hear(text);
    EXPECT_EQ(end.why, "TLS: what the other end speaks is none");
    const std::string alert = end.say({});
    EXPECT_EQ(alert, "\x15\x03\x01" + std::string("\0\x02\x02\x46", 4));
    EXPECT_EQ(end.say({}), "") << "once";
  }
  Talker end = accepter(server);
  end.hear("\x16garbage that begins as TLS does");
  EXPECT_THAT(end.why, HasSubstr("TLS"));
}

TEST(Channel, AnEndThatIsSaidIsToldFromOneThatIsNot) {
  Certificates shop("shop");
  const auto server = shop.server();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(nobody(shop), version);
    Talker end = accepter(server);
    talk(client, end);
    std::string wire = client.say("the last question");
    wire += client.end();
    end.hear(wire);
    EXPECT_EQ(end.heard, "the last question");
    EXPECT_NE(end.why, "");
    EXPECT_TRUE(end.channel.has_ended());
    client.hear(end.say("its answer"));
    EXPECT_EQ(client.heard(), "its answer");
    end.channel.end();
    client.hear(end.say({}));
    EXPECT_EQ(client.why(), "end");
  }
}

TEST(Channel, WhatHasBeenFedAndNotReadIsThere) {
  Certificates shop("shop");
  TlsClient client(nobody(shop));
  Talker end = accepter(shop.server());
  talk(client, end);
  EXPECT_FALSE(end.channel.has_input());
  std::string wire = client.say("one");
  wire += client.say("two");
  end.channel.feed(wire.substr(0, wire.size() - 1));
  EXPECT_TRUE(end.channel.has_input());
  std::array<char, 2> room;
  std::string heard;
  while (end.channel.has_input()) {
    const auto n = end.channel.read(room);
    ASSERT_TRUE(n);
    heard.append(room.data(), *n);
  }
  EXPECT_EQ(heard, "one");
  end.hear(wire.substr(wire.size() - 1));
  EXPECT_EQ(end.heard, "two");
}

TEST(Channel, LargeTextsOfAllSizesAroundARecordArrive) {
  Certificates shop("shop");
  TlsClient client(nobody(shop));
  Talker end = accepter(shop.server());
  talk(client, end);
  for (const std::size_t size : {1, 16'383, 16'384, 16'385, 32'768, 100'000, 5'000'000}) {
    client.heard().clear();
    client.hear(end.say(std::string(size, 'x')));
    EXPECT_EQ(client.heard().size(), size);
    EXPECT_EQ(client.heard().find_first_not_of('x'), std::string::npos);
  }
}

TEST(Channel, KeysMayChangeAndNothingIsSaidInTheMiddleOfThat) {
  Certificates shop("shop");
  TlsClient client(nobody(shop));
  Talker end = accepter(shop.server());
  talk(client, end);
  end.hear(client.change_keys());
  EXPECT_EQ(end.why, "");
  client.hear(end.say("after"));
  EXPECT_EQ(client.heard(), "after");
  end.hear(client.say("changes"));
  EXPECT_EQ(end.heard, "changes");
}

TEST(Channel, NewConnectionsTakeWhatWasReadAgain) {
  Certificates shop("shop");
  const auto server = shop.server("server");
  TlsClient before(nobody(shop)), after(nobody(shop));
  Talker first = accepter(server);
  talk(before, first);
  shop.issue("server");
  ASSERT_TRUE(server->renew());
  Talker second = accepter(server);
  talk(after, second);
  EXPECT_NE(before.serial(), after.serial());
  before.hear(first.say("still here"));
  EXPECT_EQ(before.heard(), "still here");
}

TEST(Channel, WithoutAnIdentityBytesStayAsTheyAre) {
  Channel plain = Channel::dialing(nullptr);
  EXPECT_TRUE(plain.is_plain());
  EXPECT_TRUE(Channel::accepting(nullptr).is_plain());
  EXPECT_FALSE(plain.has_output());
  std::string bytes = "as they are";
  plain.seal(bytes);
  EXPECT_EQ(bytes, "as they are");
}

}  // namespace
}  // namespace holdfast::tls
