#include "virtual/timing.hpp"

#include <gtest/gtest.h>

namespace polymetis::virtual_card {

namespace {

TimePoint at(std::int64_t ns) { return TimePoint(std::chrono::hours(1)) + Duration(ns); }

TEST(Schedule, AWaitingJobStartsAtTheEndOfTheOneBefore) {
  Schedule schedule;
  EXPECT_EQ(schedule.add(at(0), 100, 1).end, at(100));
  const auto second = schedule.add(at(40), 100, 1);
  EXPECT_EQ(second.start, at(100));
  EXPECT_EQ(second.end, at(200));
}

TEST(Schedule, OneThatComesLateStartsWhenItComes) {
  Schedule schedule;
  schedule.add(at(0), 100, 1);
  const auto second = schedule.add(at(150), 100, 1);
  EXPECT_EQ(second.start, at(150));
  EXPECT_EQ(second.end, at(250));
}

TEST(Schedule, RoundingDoesNotAddUp) {
  Schedule schedule;
  const double period = period_ns(486, 800);
  Schedule::Span last;
  for (int i = 0; i < 486 * 3600; ++i) last = schedule.add(at(0), period, 1);
  EXPECT_EQ(last.end, at(3'600'000'000'000));
}

TEST(Schedule, ATakenBackJobLeavesNoTrace) {
  Schedule schedule;
  schedule.add(at(0), 100, 1);
  const auto second = schedule.add(at(10), 100, 3);
  schedule.take_back(second);
  EXPECT_EQ(schedule.add(at(20), 100, 1).end, at(200));
}

TEST(Timing, ASlowerClockTakesLonger) {
  EXPECT_DOUBLE_EQ(period_ns(1000, 800), 1e6);
  EXPECT_DOUBLE_EQ(period_ns(1000, 200), 4e6);
}

TEST(Timing, CoresShareFrames) {
  EXPECT_EQ(periods(1, 4), 1);
  EXPECT_EQ(periods(4, 4), 1);
  EXPECT_EQ(periods(5, 4), 2);
  EXPECT_EQ(periods(3, 1), 3);
}

}  // namespace

}  // namespace polymetis::virtual_card
