#include "shrink.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace polymetis::testing {
namespace {

bool no_limit() { return true; }

bool has(const Script& script, Act act) {
  return std::any_of(script.steps.begin(), script.steps.end(), [&](const Step& step) { return step.act == act; });
}

unsigned frames_to(const Script& script, unsigned stream) {
  unsigned frames = 0;
  for (const Step& step : script.steps) frames += step.act == Act::frames && step.stream == stream ? step.frames : 0;
  return frames;
}

bool strikes(const Script& script, const std::string& card) {
  for (const Board& board : script.layout.boards)
    for (const Card& each : board.cards)
      if (each.name == card) return !each.faults.empty();
  return false;
}

/// Two boards, three cards, each board and each card with a fault; three streams, 60 frames each; cancels, closes, a flood and futures.
Script much() {
  Script script{.layout = {.seed = 7,
                           .boards = {{.name = "a", .cards = {{"1", {{"hang"}}}, {"2", {{"lost"}}}}, .faults = {{"error"}}},
                                      {.name = "b", .cards = {{"3", {{"slow"}}}}, .faults = {{"corrupt"}}}},
                           .poison = "hang"}};
  script.steps.push_back({Act::flood});
  for (unsigned s = 0; s < 3; ++s) script.streams.push_back({s, 0, {}});
  for (unsigned i = 0; i < 60; ++i) {
    for (unsigned s = 0; s < 3; ++s) script.steps.push_back({Act::frames, s, 1 + i % 2 * (i < 40 ? 1 : 0)});
    script.steps.push_back({.act = Act::wait, .lasts = std::chrono::milliseconds(1)});
    script.steps.push_back({i % 3 == 0 ? Act::future : Act::bounds, i % 3});
  }
  for (unsigned s = 0; s < 3; ++s) script.steps.push_back({Act::close, s});
  script.steps.push_back({Act::settle});
  return script;
}

/// A fault of one card, three frames of one stream and its end, after a while.
bool breaks(const Script& script) {
  Duration passed{0};
  bool closed_late = false;
  for (const Step& step : script.steps) {
    if (step.act == Act::wait) passed += step.lasts;
    if (step.act == Act::close && step.stream == 1) closed_late = passed >= std::chrono::milliseconds(5);
  }
  return strikes(script, "2") && frames_to(script, 1) >= 3 && closed_late;
}

}  // namespace

TEST(ChaosShrink, LeavesOnlyWhatIsNeeded) {
  ASSERT_TRUE(breaks(much()));
  const Script left = shrink(much(), breaks, no_limit);
  EXPECT_TRUE(breaks(left));
  EXPECT_EQ(what_is_left(much(), left), "1 of 6 faults, 1 of 3 streams, 1 of 64 happenings, 1 of 3 cards, 1 of 60 waits, 3 of 240 frames");
  EXPECT_TRUE(has(left, Act::settle));
  EXPECT_FALSE(has(left, Act::flood));
}

TEST(ChaosShrink, TheSameScriptGivesTheSameOne) {
  EXPECT_EQ(shrink(much(), breaks, no_limit).text(), shrink(much(), breaks, no_limit).text());
  EXPECT_EQ(random_script(5, 2).text(), random_script(5, 2).text());
}

TEST(ChaosShrink, EndsWhenItMayNotGoOnAndReturnsWhatBroke) {
  for (const unsigned most : {0U, 1U, 7U, 30U}) {
    unsigned asked = 0;
    const auto count = [&](const Script& script) {
      ++asked;
      return breaks(script);
    };
    EXPECT_TRUE(breaks(shrink(much(), count, [&] { return asked < most; })));
    EXPECT_EQ(asked, most);
  }
}

TEST(ChaosShrink, ACardAndAStreamStayWhateverIsSaid) {
  const auto anything = [](const Script& script) {
    EXPECT_FALSE(script.layout.boards.empty() || script.streams.empty());
    return true;
  };
  EXPECT_EQ(what_is_left(much(), shrink(much(), anything, no_limit)),
            "0 of 6 faults, 1 of 3 streams, 0 of 64 happenings, 1 of 3 cards, 0 of 60 waits, 0 of 240 frames");
}

TEST(ChaosShrink, NothingGoesWhereAllIsNeeded) {
  const std::string whole = much().text();
  const auto all = [&](const Script& script) { return script.text() == whole; };
  EXPECT_EQ(shrink(much(), all, no_limit).text(), whole);
}

TEST(ChaosShrink, WithAStreamGoesWhatItDoes) {
  const Script left = without(much(), Part::stream, 1, 2);
  EXPECT_EQ(left.streams.size(), 2U);
  for (const Step& step : left.steps) EXPECT_FALSE(step.stream == 1 && step.act != Act::bounds);
}

}  // namespace polymetis::testing
