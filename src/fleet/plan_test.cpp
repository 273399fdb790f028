#include "fleet/plan.hpp"

#include <gtest/gtest.h>

#include "fleet/testing/plan_driver.hpp"

namespace polymetis::fleet {
namespace {

using namespace std::chrono_literals;
using Service = PlanDriver::Service;

void expect_in_order(PlanDriver& cards, StreamId stream = StreamId(0)) {
  const auto& answers = cards.answers[stream.value];
  for (std::size_t i = 0; i < answers.size(); ++i) ASSERT_EQ(answers[i].number, i);
}

TEST(Plan, FramesOfAStreamAreAnsweredInOrderOverAllCards) {
  PlanDriver cards;
  cards.add_cards(2, 4);
  cards.service = [&](ExecutorId e, bool, auto&) { return Service{e.value % 2 == 0 ? 2ms : 3ms}; };
  const StreamId stream = cards.open();
  cards.saturate(stream, cards.now + 1s);
  cards.run_for(100ms);
  expect_in_order(cards);
  EXPECT_EQ(cards.count(Outcome::outputs), cards.answers[0].size());
  EXPECT_NEAR(static_cast<double>(cards.answers[0].size()), 4 * 500 + 4 * 333, 40);
}

TEST(Plan, CardsOfDifferentSpeedGiveTheSumOfTheirRates) {
  PlanDriver cards;
  cards.add_cards(3, 4);
  cards.service = [](ExecutorId e, bool, auto&) { return Service{e.value >= 8 ? 8ms : 2ms}; };
  const StreamId stream = cards.open({.queue_frames = 48});
  const TimePoint begin = cards.now;
  cards.saturate(stream, begin + 2s);
  const double rate = static_cast<double>(cards.answers[0].size()) / 2.0;
  EXPECT_GT(rate, 0.97 * (2 * 2000 + 500));
}

TEST(Plan, ACardThatHangsCostsNoFrameAndNoRateOfTheOthers) {
  PlanDriver cards;
  cards.add_cards(4, 4);
  bool hang = false;
  cards.service = [&](ExecutorId e, bool, auto&) { return Service{hang && e.value < 4 ? PlanDriver::never : Duration(2ms)}; };
  const StreamId stream = cards.open({.queue_frames = 64});
  cards.saturate(stream, cards.now + 1s);
  const std::size_t before = cards.answers[0].size();
  hang = true;
  cards.saturate(stream, cards.now + 1s);
  EXPECT_GT(static_cast<double>(cards.answers[0].size() - before), 0.97 * 3 * 2000);
  cards.run_for(1s);
  expect_in_order(cards);
  EXPECT_EQ(cards.count(Outcome::outputs), cards.answers[0].size());
  EXPECT_NE(cards.plan.devices()[DeviceId(0)].state, DeviceState::ready);
  hang = false;
}

TEST(Plan, AnInstanceThatCouldNotBeLoadedIsLoadedWhenItsCardAnswers) {
  PlanDriver cards;
  cards.add_cards(1, 1);
  cards.apply(event::AddDevice{"away", "board"});
  cards.apply(event::AddExecutor{.device = DeviceId(1), .model = ModelId(0), .trouble = "The link is down."});
  EXPECT_EQ(cards.plan.devices()[DeviceId(1)].state, DeviceState::quarantined);
  EXPECT_EQ(cards.plan.devices()[DeviceId(1)].cause, "The link is down.");
  bool up = false;
  cards.reload_works = [&](auto) { return up; };
  cards.run_for(1s);
  EXPECT_NE(cards.plan.devices()[DeviceId(1)].state, DeviceState::ready);
  up = true;
  cards.run_for(3s);
  EXPECT_EQ(cards.plan.devices()[DeviceId(1)].state, DeviceState::ready);
  EXPECT_EQ(cards.plan.executors()[ExecutorId(1)].depth, 2);
  const StreamId stream = cards.open();
  cards.saturate(stream, cards.now + 100ms);
  EXPECT_GT(cards.plan.executors()[ExecutorId(1)].frames, 40);
}

TEST(Plan, AModelThatCannotBeLoadedOnACardThatCameBackLeavesItToTheOthers) {
  PlanDriver cards;
  cards.add_cards(1, 2);
  cards.apply(event::AddModel{"too large", 1, 5ms});
  cards.apply(event::AddExecutor{.device = DeviceId(0), .model = ModelId(1), .trouble = "The link is down."});
  cards.reload_works = [](ExecutorId e) { return e.value < 2; };
  cards.reload_fails_with = Code::runtime_error;
  cards.run_for(1s);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].state, DeviceState::ready);
  EXPECT_TRUE(cards.plan.executors()[ExecutorId(2)].retired);
  EXPECT_EQ(std::count(cards.changes.begin(), cards.changes.end(), "too large: adjusted"), 1);
}

TEST(Plan, TheStartOfAFrameIsThatOfTheRunThatCounted) {
  PlanDriver cards;
  cards.add_cards(2, 1);
  bool first = true;
  cards.service = [&](auto...) { return std::exchange(first, false) ? Service{2ms, Code::runtime_error} : Service{2ms}; };
  const StreamId stream = cards.open();
  const TimePoint begin = cards.now;
  cards.offer(stream);
  cards.run_for(100ms);
  ASSERT_EQ(cards.answers[0].size(), 1);
  EXPECT_EQ(cards.answers[0][0].attempts, 2);
  EXPECT_EQ(cards.answers[0][0].started, begin + 2ms);
}

TEST(Plan, ACardThatComesBackIsProbedAndReadmitted) {
  PlanDriver cards;
  cards.add_cards(2, 2);
  bool hang = false;
  cards.service = [&](ExecutorId e, bool, auto&) { return Service{hang && e.value < 2 ? PlanDriver::never : Duration(2ms)}; };
  const StreamId stream = cards.open();
  cards.saturate(stream, cards.now + 200ms);
  hang = true;
  cards.saturate(stream, cards.now + 60ms);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].state, DeviceState::quarantined);
  hang = false;
  cards.saturate(stream, cards.now + 1s);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].state, DeviceState::ready);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].readmissions, 1U);
  const std::vector<std::string> life = {"card0: ready", "card1: ready", "card0: suspect", "card0: quarantined", "card0: probing", "card0: ready"};
  EXPECT_EQ(cards.changes, life);
}

TEST(Plan, AFrameThatFailsEverywhereIsBlamedAndTheCardsStay) {
  PlanDriver cards;
  cards.add_cards(3, 2);
  const StreamId stream = cards.open();
  FrameId poison;
  cards.service = [&](ExecutorId, bool probe, auto& frames) {
    return Service{2ms, !probe && frames[0] == poison && poison.valid() ? Code::runtime_error : Code::ok};
  };
  cards.offer(stream);
  cards.run_for(10ms);
  poison = FrameId(0);
  cards.offer(stream);
  cards.run_for(50ms);
  ASSERT_EQ(cards.answers[0].size(), 2U);
  EXPECT_EQ(cards.answers[0][1].outcome, Outcome::failed);
  EXPECT_EQ(cards.answers[0][1].attempts, 3U);
  for (unsigned c = 0; c < 3; ++c) EXPECT_EQ(cards.plan.devices()[DeviceId(c)].state, DeviceState::ready);
}

TEST(Plan, AFrameThatHangsEveryCardEndsAfterTwoRunsAndTheCardsComeBack) {
  PlanDriver cards;
  cards.add_cards(3, 2);
  const StreamId stream = cards.open();
  FrameId poison;
  cards.service = [&](ExecutorId, bool probe, auto& frames) {
    return Service{!probe && poison.valid() && frames[0] == poison ? PlanDriver::never : Duration(2ms)};
  };
  for (int i = 0; i < 300; ++i) {
    cards.offer(stream);
    cards.run_for(2ms);
  }
  poison = FrameId(0);
  cards.offer(stream);
  cards.run_for(1s);
  EXPECT_EQ(cards.answers[0].back().outcome, Outcome::failed);
  EXPECT_EQ(cards.answers[0].back().attempts, 2U);
  poison = {};
  for (unsigned c = 0; c < 3; ++c) EXPECT_EQ(cards.plan.devices()[DeviceId(c)].state, DeviceState::ready) << c;
  for (unsigned e = 0; e < 6; ++e) EXPECT_FALSE(cards.plan.executors()[ExecutorId(e)].probing) << e;
}

TEST(Plan, WithoutACardFramesFailWithTheFirstCause) {
  PlanDriver cards;
  cards.add_cards(1, 2);
  const StreamId stream = cards.open();
  cards.service = [](auto...) { return Service{PlanDriver::never}; };
  for (int i = 0; i < 8; ++i) cards.offer(stream);
  cards.run_for(1s);
  ASSERT_EQ(cards.answers[0].size(), 8U);
  EXPECT_EQ(cards.count(Outcome::failed), 8U);
  EXPECT_NE(cards.answers[0][7].status.find("No card is left"), std::string::npos) << cards.answers[0][7].status;
}

TEST(Plan, FramesWaitForACardAsLongAsAsked) {
  PlanOptions options;
  options.no_card_wait = 5s;
  PlanDriver cards(options);
  cards.add_cards(1, 2);
  const StreamId stream = cards.open();
  cards.apply(event::DeviceLost{DeviceId(0), "the link is down"});
  for (int i = 0; i < 8; ++i) cards.offer(stream);
  cards.run_for(1s);
  EXPECT_TRUE(cards.answers[0].empty());
  cards.apply(event::DeviceAppeared{DeviceId(0)});
  cards.run_for(1s);
  EXPECT_EQ(cards.count(Outcome::outputs), 8U);
}

TEST(Plan, ALostCardsFramesRunElsewhere) {
  PlanDriver cards;
  cards.add_cards(2, 4);
  const StreamId stream = cards.open();
  cards.saturate(stream, cards.now + 100ms);
  cards.apply(event::DeviceLost{DeviceId(1), "unplugged"});
  cards.saturate(stream, cards.now + 100ms);
  cards.run_for(100ms);
  expect_in_order(cards);
  EXPECT_EQ(cards.count(Outcome::outputs), cards.answers[0].size());
}

TEST(Plan, AFullQueueSaysThatItHasRoomWhenHalfOfItIsFree) {
  PlanDriver cards;
  cards.add_cards(1, 1);  // 2 ms a frame, two in the card
  const StreamId stream = cards.open({.queue_frames = 8});
  while (cards.offer(stream)) {
  }
  cards.run_for(7ms);
  EXPECT_EQ(cards.rooms, 0);
  EXPECT_TRUE(cards.offer(stream)) << "There is room for who asks.";
  cards.run_for(4ms);
  EXPECT_EQ(cards.rooms, 1);
  cards.run_for(1s);
  EXPECT_EQ(cards.rooms, 1);
}

TEST(Plan, AnyRoomIsToldWhereTheConsumerHoldsUpTheCards) {
  PlanDriver cards;
  cards.add_cards(1, 1);
  const StreamId stream = cards.open({.queue_frames = 8, .window_most = 8});
  for (int i = 0; i < 2; ++i) {
    while (cards.offer(stream, TimePoint::max(), 1)) {
    }
    cards.run_for(100ms);
  }
  const std::size_t before = cards.rooms;
  cards.apply(event::Taken{stream, 2});  // two of eight start, then the consumer is behind again
  cards.run_for(100ms);
  EXPECT_EQ(cards.plan.streams()[stream].waiting, 6);
  EXPECT_GT(cards.rooms, before);
}

TEST(Plan, DropOldestKeepsTheNewestAndAnswersAll) {
  PlanDriver cards;
  cards.add_cards(1, 1);
  const StreamId stream = cards.open({.overload = Overload::drop_oldest, .queue_frames = 2});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(cards.offer(stream));
    cards.run_for(1ms);
  }
  cards.run_for(1s);
  expect_in_order(cards);
  EXPECT_EQ(cards.answers[0].size(), 1000U);
  EXPECT_NEAR(static_cast<double>(cards.count(Outcome::outputs)), 500, 10);
  EXPECT_EQ(cards.answers[0].back().outcome, Outcome::outputs);
}

TEST(Plan, DropNewestGivesUpTheNewFrame) {
  PlanDriver cards;
  cards.add_cards(1, 1);
  const StreamId stream = cards.open({.overload = Overload::drop_newest, .queue_frames = 2});
  for (int i = 0; i < 6; ++i) cards.offer(stream);
  cards.run_for(100ms);
  ASSERT_EQ(cards.answers[0].size(), 6U);
  EXPECT_EQ(cards.answers[0][3].outcome, Outcome::outputs);
  EXPECT_EQ(cards.answers[0][4].outcome, Outcome::dropped);
}

TEST(Plan, LateFramesAreAnsweredInTheirPlaceAtTheirDeadline) {
  PlanDriver cards;
  cards.add_cards(1, 1);
  cards.service = [](auto...) { return Service{10ms}; };
  const StreamId stream = cards.open();
  const TimePoint begin = cards.now;
  for (int i = 0; i < 5; ++i) cards.offer(stream, begin + 25ms);
  cards.run_for(1s);
  ASSERT_EQ(cards.answers[0].size(), 5U);
  EXPECT_EQ(cards.count(Outcome::outputs), 2U);
  EXPECT_EQ(cards.count(Outcome::late), 3U);
  EXPECT_EQ(cards.answers[0][4].time, begin + 25ms);
}

TEST(Plan, StreamsShareByWeightAndPriorityGoesFirst) {
  PlanDriver cards;
  cards.add_cards(1, 2);
  const StreamId heavy = cards.open({.overload = Overload::drop_oldest, .weight = 3.0, .queue_frames = 4});
  const StreamId light = cards.open({.overload = Overload::drop_oldest, .weight = 1.0, .queue_frames = 4});
  const StreamId urgent = cards.open({.overload = Overload::drop_oldest, .priority = 1, .queue_frames = 4});
  for (int i = 0; i < 4000; ++i) {
    cards.offer(heavy);
    cards.offer(light);
    if (i % 4 == 0) cards.offer(urgent);
    cards.run_for(1ms);
  }
  cards.run_for(1s);
  EXPECT_EQ(cards.count(Outcome::dropped, urgent), 0U);
  EXPECT_NEAR(static_cast<double>(cards.count(Outcome::outputs, heavy)) / static_cast<double>(cards.count(Outcome::outputs, light)), 3.0, 0.1);
}

TEST(Plan, BatchesGatherAndALastOneGoesTrimmed) {
  PlanDriver cards;
  cards.add_cards(1, 1, 4, 5ms);
  std::vector<std::size_t> sizes;
  cards.service = [&](ExecutorId, bool, auto& frames) {
    sizes.push_back(frames.size());
    return Service{2ms};
  };
  const StreamId stream = cards.open();
  for (int i = 0; i < 6; ++i) cards.offer(stream);
  cards.run_for(100ms);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 2}));
  EXPECT_EQ(cards.count(Outcome::outputs), 6U);
}

TEST(Plan, ACancelledStreamDropsWhatWaitsAndFinishesWhatRuns) {
  PlanDriver cards;
  cards.add_cards(1, 1);
  const StreamId stream = cards.open();
  for (int i = 0; i < 6; ++i) cards.offer(stream);
  cards.apply(event::CancelStream{stream, 1});
  cards.run_for(100ms);
  EXPECT_EQ(cards.count(Outcome::outputs), 2U);
  EXPECT_EQ(cards.count(Outcome::dropped), 4U);
  EXPECT_EQ(cards.closed, 1U);
  EXPECT_EQ(cards.plan.frames().used(), 0U);
  EXPECT_EQ(cards.plan.jobs().used(), 0U);
}

TEST(Plan, AFlakyCardIsQuarantinedAndNobodyElse) {
  PlanDriver cards;
  cards.add_cards(3, 4);
  cards.service = [](ExecutorId e, bool probe, auto&) {
    return Service{e.value < 4 ? 100us : 2ms, !probe && e.value < 4 ? Code::runtime_error : Code::ok};
  };
  const StreamId stream = cards.open({.queue_frames = 48});
  cards.saturate(stream, cards.now + 2s);
  cards.run_for(1s);
  EXPECT_EQ(cards.count(Outcome::outputs), cards.answers[0].size());
  EXPECT_GT(static_cast<double>(cards.answers[0].size()), 0.97 * 2 * 4000);
  EXPECT_EQ(cards.plan.devices()[DeviceId(1)].failures + cards.plan.devices()[DeviceId(2)].failures, 0U);
  EXPECT_GT(cards.plan.devices()[DeviceId(0)].failures, 2U);
}

TEST(Plan, AModelWhoseFramesHangEveryCardIsStopped) {
  PlanDriver cards;
  cards.add_cards(4, 4);
  const StreamId stream = cards.open();
  bool poison = false;
  cards.service = [&](ExecutorId, bool probe, auto&) { return Service{poison && !probe ? PlanDriver::never : Duration(2ms)}; };
  cards.saturate(stream, cards.now + 300ms);
  poison = true;
  for (int i = 0; i < 8; ++i) {
    cards.offer(stream);
    cards.run_for(20ms);
  }
  cards.run_for(100ms);
  bool stopped = false;
  for (const auto& change : cards.changes) stopped |= change == "model: stopped";
  EXPECT_TRUE(stopped);
  for (unsigned c = 0; c < 4; ++c) EXPECT_NE(cards.plan.devices()[DeviceId(c)].state, DeviceState::lost);
  EXPECT_EQ(cards.plan.devices()[DeviceId(3)].state, DeviceState::ready) << "stopped before it took them all";
  poison = false;
  cards.run_for(31s);
  EXPECT_FALSE(cards.plan.models()[ModelId(0)].stopped);
  const std::size_t before = cards.count(Outcome::outputs);
  cards.saturate(stream, cards.now + 300ms);
  EXPECT_GT(cards.count(Outcome::outputs), before + 1000);
}

TEST(Plan, SeveralFramesThatHangOneCardLeaveNoSuspicionBehind) {
  PlanOptions options;
  options.health.model_breaker = 100;
  PlanDriver cards(options);
  cards.add_cards(1, 4);
  bool hang = false;
  cards.service = [&](ExecutorId, bool probe, auto&) { return Service{hang && !probe ? PlanDriver::never : Duration(2ms)}; };
  const StreamId stream = cards.open();
  cards.saturate(stream, cards.now + 300ms);
  cards.run_for(100ms);
  hang = true;  // as long as it takes to give three frames their two runs
  for (int i = 0; i < 3; ++i) cards.offer(stream);
  cards.run_for(35ms);
  hang = false;
  cards.run_for(5s);
  const std::size_t before = cards.answers[0].size();
  for (int i = 0; i < 8; ++i) cards.offer(stream);
  cards.run_for(1s);
  EXPECT_EQ(cards.answers[0].size(), before + 8);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].suspicions, 0U);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].hang_suspicions, 0U);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].state, DeviceState::ready);
}

TEST(Plan, AJobThatNobodyWaitsForMayHangToo) {
  PlanOptions options;
  options.health.model_breaker = 100;
  PlanDriver cards(options);
  cards.add_cards(2, 2);
  const StreamId stream = cards.open();
  cards.saturate(stream, cards.now + 500ms);
  cards.run_for(100ms);
  // One frame hangs each card for a while, so it is to blame; what waits behind it on the first card never comes back.
  const std::uint64_t poison = cards.answers[0].size();
  std::vector<ExecutorId> hung;
  bool stuck = false;
  cards.service = [&](ExecutorId e, bool probe, const auto& frames) {
    if (!probe && cards.plan.frames()[frames[0]].number == poison) {
      hung.push_back(e);
      return Service{30ms};
    }
    const bool behind = !stuck && !hung.empty() && e == hung[0];
    stuck = stuck || behind;
    return Service{behind ? PlanDriver::never : Duration(2ms)};
  };
  for (int i = 0; i < 8; ++i) cards.offer(stream);
  cards.run_for(1s);
  ASSERT_EQ(hung.size(), 2U);
  const Plan::Executor& first = cards.plan.executors()[hung[0]];
  const std::uint64_t before = first.frames;
  cards.saturate(stream, cards.now + 1s);
  EXPECT_FALSE(first.overtaken);
  EXPECT_GT(first.frames, before + 400) << "it takes frames again";
  expect_in_order(cards, stream);
}

TEST(Plan, ACardThatRunsNothingIsReadyWithoutAProbe) {
  PlanDriver cards;
  cards.add_cards(2, 1);
  const StreamId stream = cards.open();
  cards.service = [](ExecutorId e, bool, auto&) { return Service{2ms, e.value == 0 ? Code::connection_error : Code::ok}; };
  cards.saturate(stream, cards.now + 50ms);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].state, DeviceState::quarantined);
  cards.apply(event::RetireExecutor{ExecutorId(0)});
  cards.run_for(1s);
  EXPECT_EQ(cards.plan.devices()[DeviceId(0)].state, DeviceState::ready);
}

TEST(Plan, ATickThatComesLateDatesNoJobIntoTheFuture) {
  PlanDriver cards;
  cards.add_cards(1, 1);
  const StreamId stream = cards.open();
  for (int i = 0; i < 3; ++i) {
    cards.offer(stream);
    cards.run_for(5ms);
    cards.now += 10s;  // meanwhile this computer ran nothing, no timer either
    cards.offer(stream);
    cards.apply(event::Tick{});
    cards.run_for(10ms);
    EXPECT_GE(cards.plan.executors()[ExecutorId(0)].bound.typical(), 0s);
    EXPECT_EQ(cards.answers[0].size(), 2U * (i + 1));
  }
}

TEST(Plan, LateAnswersOfACrowdedComputerLeaveNothingStanding) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    PlanDriver cards;
    cards.add_cards(2, 4);
    std::uint32_t state = seed;
    const auto dice = [&state](unsigned n) { return (state = state * 1664525U + 1013904223U) / 65536 % n; };
    bool calm = false;
    cards.service = [&](auto...) {
      return Service{!calm && dice(50) == 0 ? std::chrono::milliseconds(10 + dice(400)) : std::chrono::milliseconds(1)};
    };
    std::vector<StreamId> streams;
    for (int i = 0; i < 4; ++i) streams.push_back(cards.open({.queue_frames = 8}));
    const TimePoint end = cards.now + 2s;
    while (cards.now < end) {
      for (const StreamId stream : streams)
        for (int i = 0; i < 16 && cards.offer(stream); ++i) {
        }
      if (!cards.step(end)) break;
    }
    calm = true;
    cards.run_for(60s);
    EXPECT_EQ(cards.plan.frames().used(), 0U) << seed;
    EXPECT_EQ(cards.plan.jobs().used(), 0U) << seed;
    for (const StreamId stream : streams) expect_in_order(cards, stream);
    for (unsigned e = 0; e < 8; ++e)
      EXPECT_FALSE(cards.plan.executors()[ExecutorId(e)].probing || cards.plan.executors()[ExecutorId(e)].overtaken) << seed << " " << e;
  }
}

}  // namespace
}  // namespace polymetis::fleet
