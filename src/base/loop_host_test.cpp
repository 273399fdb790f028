#include "base/loop_host.hpp"

#include <gtest/gtest.h>

#include <string>

namespace polymetis::base {
namespace {

using namespace std::chrono_literals;

class LoopHostTest : public testing::Test {
 protected:
  Task note(char letter) {
    return make_task([this, letter] { seen_ += letter; });
  }

  LoopHost host_;
  const TimePoint start_ = host_.now();
  std::string seen_;
};

TEST_F(LoopHostTest, OrderIsTimeThenAsking) {
  host_.call_at(start_ + 1ms, note('d'));
  host_.post(note('a'));
  host_.run_blocking(note('b'));
  host_.call_at(start_, note('c'));
  host_.call_at(start_ + 1ms, note('e'));
  host_.run_until_idle();
  EXPECT_EQ(seen_, "abcde");
  EXPECT_EQ(host_.now(), start_ + 1ms);
}

TEST_F(LoopHostTest, TheFutureIsNotRun) {
  host_.call_at(start_ + 1ms, note('a'));
  host_.call_at(start_ + 2ms, note('b'));
  host_.call_at(start_ + 3ms, note('c'));
  host_.run_until(start_ + 2ms);
  EXPECT_EQ(seen_, "ab");
  EXPECT_EQ(host_.now(), start_ + 2ms);
  EXPECT_EQ(host_.next(), start_ + 3ms);
  host_.run_until(start_ + 2500us);
  EXPECT_EQ(host_.now(), start_ + 2500us);
  EXPECT_TRUE(host_.step());
  EXPECT_FALSE(host_.step());
  EXPECT_EQ(seen_, "abc");
  EXPECT_EQ(host_.next(), TimePoint::max());
}

TEST_F(LoopHostTest, TimeNeverGoesBack) {
  host_.run_until(start_ + 5ms);
  host_.call_at(start_ + 1ms, note('a'));
  host_.post(note('b'));
  host_.run_until(start_);
  EXPECT_EQ(seen_, "") << "what is overdue is due now, which is after that";
  host_.run_until_idle();
  EXPECT_EQ(seen_, "ab");
  EXPECT_EQ(host_.now(), start_ + 5ms);
}

TEST_F(LoopHostTest, AWaitTurnsTheLoopNoFurtherThanNeeded) {
  Latch latch;
  host_.call_at(start_ + 1ms, note('a'));
  host_.call_at(start_ + 2ms, make_task([&] { latch.open(); }));
  host_.call_at(start_ + 2ms, note('b'));
  EXPECT_TRUE(host_.wait(latch, start_ + 1h));
  EXPECT_EQ(host_.now(), start_ + 2ms);
  EXPECT_EQ(seen_, "a");
  host_.run_until_idle();
}

TEST_F(LoopHostTest, ATaskAtTheDeadlineStillCounts) {
  Latch latch;
  host_.call_at(start_ + 2ms, make_task([&] { latch.open(); }));
  EXPECT_FALSE(host_.wait(latch, start_ + 2ms - 1ns));
  EXPECT_EQ(host_.now(), start_ + 2ms - 1ns);
  EXPECT_TRUE(host_.wait(latch, start_ + 2ms));
}

TEST_F(LoopHostTest, AWaitForWhatCannotComeEnds) {
  Latch latch;
  host_.call_at(start_ + 1ms, note('a'));
  EXPECT_FALSE(host_.wait(latch, TimePoint::max()));
  EXPECT_EQ(host_.now(), start_ + 1ms) << "time cannot jump to the end of time";
}

TEST_F(LoopHostTest, TasksMayWait) {
  Latch inner;
  Latch outer;
  host_.post(make_task([&] {
    host_.call_at(start_ + 1ms, make_task([&] { inner.open(); }));
    EXPECT_TRUE(host_.wait(inner, start_ + 1h));
    outer.open();
  }));
  EXPECT_TRUE(host_.wait(outer, TimePoint::max()));
  EXPECT_EQ(host_.now(), start_ + 1ms);
}

}  // namespace
}  // namespace polymetis::base
