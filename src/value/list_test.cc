// SPDX-License-Identifier: Apache-2.0
#include "value/list.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "value/test_recorder.h"

namespace holdfast {
namespace {

using Model = std::vector<std::string>;

std::vector<std::string> items_of(const List& list) {
  std::vector<std::string> items;
  list.walk(0, list.size(), [&](std::size_t index, std::string_view item) {
    EXPECT_EQ(index, items.size());
    items.emplace_back(item);
    return true;
  });
  return items;
}

class Draw {
 public:
  explicit Draw(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  // Of each of the forms that an item has in a pack, and beyond what a pack takes.
  std::string item() {
    switch (below(8)) {
      case 0:
        return std::to_string(below(128));
      case 1:
        return std::to_string(static_cast<int>(below(20'000)) - 10'000);
      case 2:
        return std::to_string(static_cast<std::int64_t>(random_() << (below(4) * 11)) >> below(60));
      case 3:
        return std::string(below(200), 't');
      case 4:
        return below(20) > 0 ? "007" : std::string(below(12'000), 'l');
      default:
        return "item " + std::to_string(below(1'000));
    }
  }

 private:
  std::mt19937_64 random_;
};

void compare(const List& list, const Model& model, Draw& draw) {
  RC_ASSERT(list.size() == model.size());
  RC_ASSERT(items_of(list) == model);
  IntegerText room;
  for (int i = 0; i < 10 && !model.empty(); ++i) {
    const std::size_t index = draw.below(model.size());
    RC_ASSERT(list.at(index, room) == model[index]);
    std::size_t met = index + 1;
    list.walk_back(index, model.size(), [&](std::size_t at, std::string_view item) {
      RC_ASSERT(at == --met);
      RC_ASSERT(item == model[at]);
      return at > index / 2;
    });
    RC_ASSERT(met == index / 2);
  }
}

void change(List& list, Model& model, Draw& draw) {
  const auto iterator = [&](std::size_t index) {
    return model.begin() + static_cast<std::ptrdiff_t>(index);
  };
  const std::string item = draw.item();
  const std::size_t kind = draw.below(12);
  if (kind < 3) {
    list.push_back(item);
    model.push_back(item);
  } else if (kind < 6) {
    list.push_front(item);
    model.insert(model.begin(), item);
  } else if (kind < 8) {
    const std::size_t index = draw.below(model.size() + 1);
    list.insert(index, item);
    model.insert(iterator(index), item);
  } else if (model.empty()) {
    return;
  } else if (kind == 8) {
    const std::size_t index = draw.below(model.size());
    list.set(index, item);
    model[index] = item;
  } else if (kind == 9) {  // an end
    const std::size_t index = draw.below(2) == 0 ? 0 : model.size() - 1;
    list.erase(index);
    model.erase(iterator(index));
  } else if (kind == 10) {
    const std::size_t index = draw.below(model.size());
    const std::size_t n =
        draw.below(draw.below(10) == 0 ? model.size() - index + 1
                                       : std::min<std::size_t>(6, model.size() - index + 1));
    list.erase(index, n);
    model.erase(iterator(index), iterator(index + n));
  } else {
    const std::size_t one_in = draw.below(20) == 0 ? 2 : 100;
    std::vector<std::size_t> indexes;
    Model rest;
    for (std::size_t i = 0; i < model.size(); ++i) {
      if (draw.below(one_in) == 0) {
        indexes.push_back(i);
      } else {
        rest.push_back(model[i]);
      }
    }
    list.erase_all(indexes);
    model = rest;
  }
}

RC_GTEST_PROP(List, IsASequence, (std::uint32_t seed)) {
  Draw draw(seed);
  List list;
  Model model;
  const std::size_t steps = draw.below(20) == 0 ? 6'000 : 300;
  for (std::size_t step = 0; step < steps; ++step) {
    change(list, model, draw);
    if (step % 97 == 0) compare(list, model, draw);
  }
  compare(list, model, draw);
  RC_ASSERT(items_of(*list.clone()) == model);
  list.erase(0, list.size());
  RC_ASSERT(list.size() == 0u);
  list.push_front("again");
  RC_ASSERT(items_of(list) == Model{"again"});
}

RC_GTEST_PROP(List, ComesBackAsItWasWhereAllIsUndone, (std::uint32_t seed)) {
  struct Undo final : TestRecorder {
    void item_inserted(List& list, std::size_t index) override {
      steps.emplace_back([&list, index] { list.erase(index); });
    }
    void item_set(List& list, std::size_t index) override {
      steps.emplace_back([&list, index, old = text(list, index)] { list.set(index, old); });
    }
    void item_erased(List& list, std::size_t index) override {
      steps.emplace_back([&list, index, item = text(list, index)] { list.insert(index, item); });
    }
    static std::string text(const List& list, std::size_t index) {
      IntegerText room;
      return std::string(list.at(index, room));
    }
  };
  Draw draw(seed);
  List list;
  Model model;
  for (int i = 0; i < 500; ++i) change(list, model, draw);
  const Model before = model;
  Undo undo;
  Recorder::of_thread = &undo;
  for (int i = 0; i < 200; ++i) change(list, model, draw);
  undo.take_back();
  RC_ASSERT(items_of(list) == before);
}

// Hundreds of packs, so that what is renumbered on either side is far.
TEST(List, KeepsItsPlacesWhenItIsLong) {
  Draw draw(7);
  List list;
  Model model;
  for (int i = 0; i < 100'000; ++i) {
    model.push_back("element:" + std::to_string(i));
    list.push_back(model.back());
  }
  for (int round = 0; round < 400; ++round) change(list, model, draw);
  EXPECT_EQ(items_of(list), model);
  IntegerText room;
  for (std::size_t i = 0; i < model.size(); i += 997) EXPECT_EQ(list.at(i, room), model[i]);
}

TEST(List, BringsBackEveryIntegersText) {
  List list;
  std::vector<std::string> all;
  for (int shift = 0; shift < 64; ++shift) {
    for (const int by : {-1, 0, 1}) {
      const auto power =
          static_cast<std::int64_t>((std::uint64_t{1} << shift) + static_cast<std::uint64_t>(by));
      all.push_back(std::to_string(power));
      all.push_back(std::to_string(-(power + (power == std::numeric_limits<std::int64_t>::min()))));
    }
  }
  for (const std::string& item : all) list.push_back(item);
  EXPECT_EQ(items_of(list), all);
}

// Redis 7.0.15 says of RPUSH of the same to one key, by MEMORY USAGE: 16,110,112 of element:N
// with six digits, 4,997,848 of N, 5,034,999 of xxx.
TEST(List, TakesNoMoreMemoryThanRedis) {
  const auto bytes = [](bool in_front, auto item) {
    List list;
    for (int i = 0; i < 1'000'000; ++i)
      in_front ? list.push_front(item(i)) : list.push_back(item(i));
    return list.heap_bytes();
  };
  for (const bool in_front : {false, true}) {
    EXPECT_LE(
        bytes(in_front, [](int i) { return "element:" + std::to_string(100'000 + i % 900'000); }),
        16'110'112u);
    EXPECT_LE(bytes(in_front, [](int i) { return std::to_string(i); }), 4'997'848u);
    EXPECT_LE(bytes(in_front, [](int) { return std::string("xxx"); }), 5'034'999u);
  }
}

// A queue that fills and empties: what lies unused does not grow.
TEST(List, AQueueTakesRoomForWhatIsInItOnly) {
  List list;
  for (int i = 0; i < 200'000; ++i) {
    list.push_back("job " + std::to_string(i));
    if (list.size() > 100) list.erase(0);
  }
  EXPECT_LT(list.heap_bytes(), 16'000u);
  for (int i = 0; i < 200'000; ++i) {
    list.push_front("job " + std::to_string(i));
    list.erase(list.size() - 1);
  }
  EXPECT_LT(list.heap_bytes(), 16'000u);
  for (int i = 0; i < 200'000; ++i) list.push_front("job " + std::to_string(i));
  while (list.size() > 3) list.erase(list.size() - 1);
  EXPECT_LT(list.heap_bytes(), 16'000u);
}

}  // namespace
}  // namespace holdfast
