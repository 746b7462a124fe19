// SPDX-License-Identifier: Apache-2.0
#include "server/reply_form.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/reply.h"
#include "server/reply_queue.h"

namespace holdfast::server {
namespace {

std::string in_form(std::string_view canonical, Form form, const Shape& shape = {}) {
  std::string out;
  append_reply(out, canonical, form, shape);
  return out;
}

std::string resp2(std::string_view canonical, const Shape& shape = {}) {
  return in_form(canonical, Form::resp2, shape);
}
std::string resp3(std::string_view canonical) {
  return in_form(canonical, Form::resp3);
}

TEST(ReplyForm, WhatBothHaveIsSentAsItIs) {
  for (const std::string& reply :
       {std::string("+OK\r\n"), std::string("-ERR no\r\n"), std::string(":42\r\n"),
        std::string("$3\r\na\0b\r\n", 9), std::string("*2\r\n$2\r\n%1\r\n:1\r\n")}) {
    EXPECT_EQ(resp2(reply), reply);
    EXPECT_EQ(resp3(reply), reply);
    EXPECT_FALSE(needs_conversion(reply, Form::resp2, {}));
    EXPECT_FALSE(needs_conversion(reply, Form::resp3, {}));
  }
}

TEST(ReplyForm, Resp2HasNoOtherKinds) {
  EXPECT_EQ(resp2("%1\r\n+a\r\n:1\r\n"), "*2\r\n+a\r\n:1\r\n");
  EXPECT_EQ(resp2("~2\r\n+a\r\n+b\r\n"), "*2\r\n+a\r\n+b\r\n");
  EXPECT_EQ(resp2("#t\r\n"), ":1\r\n");
  EXPECT_EQ(resp2("#f\r\n"), ":0\r\n");
  EXPECT_EQ(resp2(",1.5\r\n"), "$3\r\n1.5\r\n");
  EXPECT_EQ(resp2("=7\r\ntxt:a\r\n\r\n"), "$3\r\na\r\n\r\n");
  EXPECT_EQ(resp2("*2\r\n%1\r\n+a\r\n#t\r\n,0.5\r\n"), "*2\r\n*2\r\n+a\r\n:1\r\n$3\r\n0.5\r\n");
}

TEST(ReplyForm, NullsAreTwoInResp2AndOneInResp3) {
  EXPECT_EQ(resp2("$-1\r\n"), "$-1\r\n");
  EXPECT_EQ(resp2("*-1\r\n"), "*-1\r\n");
  EXPECT_EQ(resp3("$-1\r\n"), "_\r\n");
  EXPECT_EQ(resp3("*-1\r\n"), "_\r\n");
  EXPECT_EQ(resp3("*3\r\n$1\r\na\r\n$-1\r\n*-1\r\n"), "*3\r\n$1\r\na\r\n_\r\n_\r\n");
}

TEST(ReplyForm, PairsAreFlatInResp2WhereTheCommandSaysSo) {
  const Shape flat{.flat_pairs = true};
  EXPECT_EQ(resp2("*2\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n,2\r\n", flat),
            "*4\r\n+a\r\n:1\r\n+b\r\n$1\r\n2\r\n");
  EXPECT_EQ(resp2("*2\r\n+a\r\n+b\r\n", flat), "*2\r\n+a\r\n+b\r\n");
  EXPECT_EQ(resp2("*0\r\n", flat), "*0\r\n");
  EXPECT_FALSE(needs_conversion("*2\r\n+a\r\n+b\r\n", Form::resp2, flat)) << "it is sent as it is";
  EXPECT_EQ(resp2("$-1\r\n", flat), "$-1\r\n");
  EXPECT_EQ(resp2("-ERR no\r\n", flat), "-ERR no\r\n");
}

TEST(ReplyForm, PairsInATransactionAreFlatForTheirCommandAlone) {
  Shape shape;
  shape.flat_elements = std::make_shared<std::vector<bool>>(std::vector<bool>{true, false});
  const std::string pairs = "*1\r\n*2\r\n+a\r\n:1\r\n";
  EXPECT_EQ(resp2("*2\r\n" + pairs + pairs, shape), "*2\r\n*2\r\n+a\r\n:1\r\n" + pairs);
  EXPECT_EQ(resp2("*-1\r\n", shape), "*-1\r\n");
}

// An independent, recursive way to say the same.
struct Value {
  char kind = '+';
  std::string text;
  std::vector<Value> children;

  std::string canonical() const {
    const auto header = [this](std::size_t n) {
      return std::string(1, kind) + std::to_string(n) + "\r\n";
    };
    std::string out;
    switch (kind) {
      case '$':
        return header(text.size()) + text + "\r\n";
      case '=':
        return header(text.size() + 4) + "txt:" + text + "\r\n";
      case 'n':
        return "$-1\r\n";
      case '*':
      case '~':
        out = header(children.size());
        break;
      case '%':
        out = header(children.size() / 2);
        break;
      default:
        return std::string(1, kind) + text + "\r\n";
    }
    for (const Value& child : children) out += child.canonical();
    return out;
  }

  std::string resp2() const {
    switch (kind) {
      case '=':
      case ',':
        return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
      case '#':
        return text == "t" ? ":1\r\n" : ":0\r\n";
      case '*':
      case '~':
      case '%': {
        std::string out = "*" + std::to_string(children.size()) + "\r\n";
        for (const Value& child : children) out += child.resp2();
        return out;
      }
      default:
        return canonical();
    }
  }
};

Value any_value(int depth) {
  const char kind = *rc::gen::element('+', ':', '$', '=', ',', '#', 'n', '*', '~', '%');
  Value value{.kind = kind};
  if (kind == '$' || kind == '=') value.text = *rc::gen::arbitrary<std::string>();
  if (kind == '+' || kind == ':' || kind == ',') value.text = "12";
  if (kind == '#') value.text = *rc::gen::element<std::string>("t", "f");
  if (kind == '*' || kind == '~' || kind == '%') {
    const int count = depth == 0 ? 0 : *rc::gen::inRange(0, 4) * (kind == '%' ? 2 : 1);
    for (int i = 0; i < count; ++i) value.children.push_back(any_value(depth - 1));
  }
  return value;
}

RC_GTEST_PROP(ReplyForm, Resp2IsWhatTheModelSays, ()) {
  const Value value = any_value(4);
  const std::string canonical = value.canonical();
  RC_ASSERT(resp2(canonical) == value.resp2());
  RC_ASSERT(needs_conversion(canonical, Form::resp2, {}) == (resp2(canonical) != canonical));
}

TEST(ReplyQueue, SilentRepliesAreNotSentButKeepTheirPlace) {
  ReplyQueue queue;
  queue.promise({});
  queue.promise({.silent = true});
  queue.promise({});
  queue.complete(1, "+b\r\n", Replay::none);
  queue.complete(2, "+c\r\n", Replay::none);
  EXPECT_TRUE(queue.output().empty());
  EXPECT_EQ(queue.bytes(), 8U);
  queue.complete(0, "+a\r\n", Replay::none);
  EXPECT_EQ(queue.output(), "+a\r\n+c\r\n");
  EXPECT_TRUE(queue.quiet());
}

TEST(ReplyQueue, KeepsNoMemoryOfALongQueue) {
  ReplyQueue queue;
  for (int i = 0; i < 50'000; ++i) queue.promise({});
  for (std::uint64_t i = 50'000; i-- > 0;) {
    queue.complete(i, "$100\r\n" + std::string(100, 'x') + "\r\n", Replay::none);
  }
  EXPECT_TRUE(queue.quiet());
  while (queue.has_chunk()) queue.take_chunk();
  std::string().swap(queue.output());
  EXPECT_LT(queue.memory(), 10'000U);
}

TEST(ReplyQueue, ALongOutputIsInChunksInOrder) {
  ReplyQueue queue;
  const std::string reply = "$300000\r\n" + std::string(300'000, 'x') + "\r\n";
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    expected += reply;
    if (i % 2 == 0) {
      queue.open() += reply;
      queue.close({});
    } else {
      queue.promise({});
      queue.complete(static_cast<std::uint64_t>(i), reply, Replay::none);
    }
    EXPECT_LT(queue.output().size(), limits::output_chunk_bytes);
  }
  EXPECT_EQ(queue.bytes(), expected.size());
  std::string heard;
  while (queue.has_chunk()) heard += queue.take_chunk();
  heard += queue.output();
  EXPECT_EQ(heard, expected);
}

TEST(ReplyQueue, KeepsNoMemoryOfALargeReply) {
  ReplyQueue queue;
  for (const bool behind : {false, true}) {
    if (behind) queue.promise({});
    Reply reply(queue.open());
    reply.map(1);
    reply.bulk("field");
    reply.bulk(std::string(1'000'000, 'x'));
    queue.close({});
    if (behind) queue.complete(1, "+OK\r\n", Replay::none);
    std::string().swap(queue.output());
    EXPECT_LT(queue.memory(), 10'000U);
  }
}

}  // namespace
}  // namespace holdfast::server
