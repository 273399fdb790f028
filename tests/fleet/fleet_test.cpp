#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fleet_bed.hpp"

namespace polymetis::testing {
namespace {

using namespace std::chrono_literals;

TEST(Fleet, AnswersEachFrameWithItsOwnResultInOrder) {
  FleetBed bed(2);
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model).value();
  std::uint64_t next = 0;
  for (std::uint64_t n = 0; n < 500; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
  stream.finish();
  while (auto result = stream.next()) {
    EXPECT_EQ(result->number, next);
    EXPECT_TRUE(FleetBed::is_answer(*result, next)) << next << ": " << result->status.to_string();
    ++next;
  }
  EXPECT_EQ(next, 500U);
  EXPECT_TRUE(stream.exhausted());
}

TEST(Fleet, ScalesExactlyInVirtualTime) {
  for (const unsigned cards : {1U, 4U, 16U}) {
    FleetBed bed(cards, "compute = \"none\"\ntiming = { fps = 486.5 }\n");
    Fleet fleet = Fleet::create(bed.context).value();
    std::uint64_t ended = 0;
    Stream stream = fleet.open_stream(bed.model, {}, [&](Result&&) { ++ended; }).value();
    const TimePoint begin = bed.host->now();
    for (std::uint64_t n = 0; n < 1946 * cards; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
    stream.finish();
    Latch never;
    bed.host->wait(never, bed.host->now() + 1s);
    EXPECT_EQ(ended, 1946 * cards);
    static_cast<void>(begin);
  }
}

TEST(Fleet, ALostCardCostsNoFrame) {
  FleetBed bed(FleetBed::cards_of(2, "timing = { fps = 500 }\n") +
               "[[board]]\nname = \"metis-0:9:0\"\ntiming = { fps = 500 }\n[[board.fault]]\nkind = \"lost\"\nat = 0.5\nlasts = 1.0\n");
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model).value();
  std::uint64_t next = 0;
  for (std::uint64_t n = 0; n < 10000; ++n) {
    ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
    while (auto result = stream.next(bed.host->now())) {
      ASSERT_EQ(result->number, next);
      ASSERT_TRUE(FleetBed::is_answer(*result, next)) << next << ": " << result->status.to_string();
      ++next;
    }
  }
  stream.finish();
  while (auto result = stream.next()) {
    ASSERT_EQ(result->number, next);
    ASSERT_TRUE(FleetBed::is_answer(*result, next)) << result->status.to_string();
    ++next;
  }
  EXPECT_EQ(next, 10000U);
  const auto health = fleet.health();
  EXPECT_EQ(health[2].state, DeviceState::ready) << health[2].cause;
  EXPECT_EQ(health[2].readmissions, 1U);
}

TEST(Fleet, RunAndFuturesGiveTheFramesOwnResult) {
  FleetBed bed(1);
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model).value();
  const Row bytes = FleetBed::row(3);
  const std::span<const std::byte> input(bytes);
  auto result = stream.run(std::span(&input, 1));
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(FleetBed::is_answer(*result, 3));
  auto future = stream.submit_future(std::span(&input, 1));
  ASSERT_TRUE(future.has_value());
  Latch never;
  bed.host->wait(never, bed.host->now() + 1s);
  EXPECT_TRUE(FleetBed::is_answer(future->get(), 3));
}

TEST(Fleet, ClosingAnswersAllFrames) {
  FleetBed bed(1);
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model, {.queue_frames = 64}).value();
  for (std::uint64_t n = 0; n < 50; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
  fleet.close();
  std::uint64_t next = 0;
  std::uint64_t dropped = 0;
  while (auto result = stream.next()) {
    EXPECT_EQ(result->number, next++);
    dropped += result->outcome == Outcome::dropped ? 1 : 0;
  }
  EXPECT_EQ(next, 50U);
  EXPECT_GT(dropped, 30U);
  const auto refused = FleetBed::submit(stream, 50);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::invalid_argument);
}

TEST(Fleet, ClosingTakesNoLongerThanWhatRuns) {
  FleetBed bed(1);  // 2 ms a frame
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model).value();
  for (std::uint64_t n = 0; n < 2; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
  const TimePoint begin = bed.host->now();
  fleet.close(5s);
  EXPECT_LE(bed.host->now() - begin, 10ms);
}

TEST(Fleet, WhoWaitsForRoomGetsItAtItsDeadlineAtTheLatest) {
  FleetBed bed(FleetBed::cards_of(1, "cores = 1\ncompute = \"none\"\ntiming = { fps = 500 }\n"));
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model, {.queue_frames = 8}).value();
  const auto submit_until = [&](Duration patience) {
    Slot slot = stream.slot().value();
    return stream.try_submit(slot, {}, bed.host->now() + patience).has_value();
  };
  while (submit_until(0ms)) {
  }
  EXPECT_FALSE(submit_until(500us));
  EXPECT_TRUE(submit_until(4ms));  // one place is free then, not half of them
}

TEST(Fleet, TheFirstLookAtTheMetricsGivesTheRatesOfTheLastSecond) {
  FleetBed bed(FleetBed::cards_of(2, "compute = \"none\"\ntiming = { fps = 200 }\n"));
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model, {}, [](Result&&) {}).value();
  const TimePoint end = bed.host->now() + 3s;
  for (std::uint64_t n = 0; bed.host->now() < end; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
  for (int look = 0; look < 3; ++look) {
    const FleetMetrics metrics = fleet.metrics();
    EXPECT_GE(metrics.window, 1s);
    EXPECT_LE(metrics.window, 2s);
    ASSERT_EQ(metrics.boards.size(), 2U);
    ASSERT_EQ(metrics.instances.size(), 8U);
    EXPECT_NEAR(metrics.boards[0].frames_per_s, 800, 20);
    EXPECT_NEAR(metrics.devices[1].frames_per_s, 800, 20);
    EXPECT_NEAR(metrics.instances[7].frames_per_s, 200, 5);
    EXPECT_NEAR(metrics.instances[7].utilisation, 1, 0.01);
    EXPECT_NEAR(metrics.models[0].frames_per_s, 1600, 40);
    EXPECT_EQ(metrics.models[0].outputs, metrics.outputs);
    EXPECT_EQ(metrics.models[0].latency.count, metrics.outputs);
    EXPECT_EQ(fleet.explain().binds, "cores") << fleet.explain().text;
  }
}

TEST(Fleet, RefusesToStartOnFewerCardsThanRequired) {
  FleetBed bed(1);
  const auto fleet = Fleet::create(bed.context, {.require = 2});
  ASSERT_FALSE(fleet.has_value());
  EXPECT_NE(fleet.error().message().find("needs 2 devices, 1 can be used"), std::string::npos) << fleet.error().message();
}

TEST(Fleet, TwoModelsShareTheCores) {
  FleetBed bed(2);
  auto other = bed.network;
  other.name = "other";
  other.add = 5;
  const auto second = Model::load(write_test_package(bed.folder.path() / "second", other)).value();
  Fleet fleet = Fleet::create(bed.context).value();
  Stream first = fleet.open_stream(bed.model).value();
  const auto report = fleet.add_model(second).value();
  EXPECT_FALSE(report.adjusted) << report.text;
  const FleetMetrics metrics = fleet.metrics();
  ASSERT_EQ(metrics.models.size(), 2U);
  EXPECT_EQ(metrics.models[0].instances, 4U);
  EXPECT_EQ(metrics.models[1].instances, 4U);
}

TEST(Fleet, AModelsShareCanBeChangedAndTheReportSaysWhatWasNotToBeHad) {
  FleetBed bed(2);
  auto other = bed.network;
  other.name = "other";
  const auto second = Model::load(write_test_package(bed.folder.path() / "second", other)).value();
  Fleet fleet = Fleet::create(bed.context).value();
  EXPECT_FALSE(fleet.add_model(bed.model)->adjusted);
  EXPECT_FALSE(fleet.add_model(second)->adjusted);
  EXPECT_FALSE(fleet.add_model(second, {.weight = 3})->adjusted);
  EXPECT_EQ(fleet.metrics().models[0].instances, 2U);
  EXPECT_EQ(fleet.metrics().models[1].instances, 6U);
  Stream stream = fleet.open_stream(second).value();
  EXPECT_EQ(fleet.metrics().models[1].instances, 6U) << "A stream leaves the share as it is.";
  const auto report = fleet.add_model(second, {.minimum_cores = 50}).value();
  EXPECT_TRUE(report.adjusted);
  EXPECT_NE(report.text.find("wanted at least 50 cores, "), std::string::npos) << report.text;
  const auto nowhere = fleet.add_model(second, {.devices = {DeviceSelector("metis-0:f:0")}});
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().code(), Code::invalid_argument);
}

TEST(Fleet, ClosingAStreamWaitsForItsCallback) {
  FleetBed bed(FleetBed::cards_of(1, "compute = \"none\"\ntiming = \"host\"\n"), base::ThreadHost::shared());
  Fleet fleet = Fleet::create(bed.context).value();
  Latch inside;
  Latch closing;
  std::atomic<bool> returned = false;
  Stream stream = fleet
                      .open_stream(bed.model, {},
                                   [&](Result&&) {
                                     inside.open();
                                     bed.host->wait(closing, TimePoint::max());
                                     returned = true;
                                   })
                      .value();
  std::thread submitter([&] { static_cast<void>(FleetBed::submit(stream, 0).has_value()); });
  bed.host->wait(inside, TimePoint::max());
  std::thread opener([&] { closing.open(); });
  stream.close();
  EXPECT_TRUE(returned);
  opener.join();
  submitter.join();
}

TEST(Fleet, ACallbackMayCloseItsOwnStream) {
  FleetBed bed(1);
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream;
  unsigned called = 0;
  stream = fleet
               .open_stream(bed.model, {},
                            [&](Result&&) {
                              ++called;
                              stream.close();
                            })
               .value();
  for (std::uint64_t n = 0; n < 3; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
  Latch never;
  bed.host->wait(never, bed.host->now() + 1s);
  EXPECT_EQ(called, 1U);
}

TEST(Fleet, ASlotOfAnotherStreamIsRefused) {
  FleetBed bed(1);
  Fleet fleet = Fleet::create(bed.context).value();
  Stream first = fleet.open_stream(bed.model).value();
  Stream second = fleet.open_stream(bed.model).value();
  const auto number = second.submit(first.slot().value());
  ASSERT_FALSE(number.has_value());
  EXPECT_EQ(number.error().code(), Code::invalid_argument);
}

TEST(Fleet, OnThreadsEveryFrameComesInOrder) {
  FleetBed bed(FleetBed::cards_of(2, "compute = \"none\"\ntiming = \"host\"\n"), base::ThreadHost::shared());
  // A crowded computer may keep a thread waiting for long; that is no hang of a card here.
  Fleet fleet = Fleet::create(bed.context, {.health = {.hang_floor = 1min}}).value();
  constexpr std::uint64_t frames = 20000;
  std::vector<std::thread> submitters;
  std::vector<std::uint64_t> counts(4);
  for (std::size_t s = 0; s < counts.size(); ++s) {
    submitters.emplace_back([&, s] {
      Stream stream = fleet.open_stream(bed.model).value();
      std::thread consumer([&, stream]() mutable {
        while (auto result = stream.next()) counts[s] += result->number == counts[s] && result->ok() ? 1 : 0;
      });
      for (std::uint64_t n = 0; n < frames; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
      stream.finish();
      consumer.join();
    });
  }
  for (auto& submitter : submitters) submitter.join();
  for (const std::uint64_t count : counts) EXPECT_EQ(count, frames);
}

}  // namespace
}  // namespace polymetis::testing
