#include "base/timer_queue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace polymetis::base {
namespace {

TimePoint at(std::int64_t nanoseconds) { return TimePoint(Duration(nanoseconds)); }

TEST(TimerQueue, IsEmptyAtFirst) {
  TimerQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.next(), TimePoint::max());
  EXPECT_FALSE(queue.cancel(TimerId::none));
  EXPECT_FALSE(queue.cancel(TimerId{1}));
}

TEST(TimerQueue, AnIdNamesOneTimerOnly) {
  TimerQueue queue;
  const TimerId first = queue.add(at(1), {});
  queue.take();
  const TimerId second = queue.add(at(2), {});  // in the same slot
  EXPECT_NE(first, second);
  EXPECT_FALSE(queue.cancel(first));
  EXPECT_TRUE(queue.cancel(second));
}

/// Against a sorted map, over many random steps.
TEST(TimerQueue, AgreesWithASortedMap) {
  TimerQueue queue;
  std::map<std::pair<TimePoint, std::intptr_t>, TimerId> model;
  std::mt19937 random(7);
  std::intptr_t number = 0;
  for (int step = 0; step < 20000; ++step) {
    const unsigned what = random() % 8;
    if (what < 4 || model.empty()) {
      const TimePoint when = at(random() % 50);
      ++number;
      model[{when, number}] = queue.add(when, {nullptr, reinterpret_cast<void*>(number)});
    } else if (what < 6) {
      auto victim = std::next(model.begin(), random() % model.size());
      ASSERT_TRUE(queue.cancel(victim->second));
      ASSERT_FALSE(queue.cancel(victim->second));
      model.erase(victim);
    } else {
      const auto first = model.begin();
      ASSERT_EQ(queue.next(), first->first.first);
      ASSERT_EQ(queue.take().argument, reinterpret_cast<void*>(first->first.second));
      ASSERT_FALSE(queue.cancel(first->second));
      model.erase(first);
    }
    ASSERT_EQ(queue.size(), model.size());
  }
}

}  // namespace
}  // namespace polymetis::base
