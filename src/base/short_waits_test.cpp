#include "base/short_waits.hpp"

#include <gtest/gtest.h>

namespace polymetis::base {
namespace {

using namespace std::chrono_literals;

/// Whether it looks at all, at something that is ready at the third look.
bool looks(ShortWaits& waits, TimePoint deadline = TimePoint::max()) {
  unsigned looked = 0;
  return waits.look(deadline, [&] { return ++looked == 3; });
}

void sleeps(ShortWaits& waits, unsigned times, Duration took) {
  for (unsigned i = 0; i < times; ++i) waits.slept(took);
}

TEST(ShortWaits, LooksOnlyWhereWaitsWereShortOfLate) {
  ShortWaits waits;
  EXPECT_FALSE(looks(waits));
  sleeps(waits, 40, 30us);
  EXPECT_TRUE(looks(waits));
  sleeps(waits, 40, 5ms);
  EXPECT_FALSE(looks(waits));
  sleeps(waits, 40, 30us);
  EXPECT_TRUE(looks(waits));
}

TEST(ShortWaits, WhoLooksInVainSleepsForAWhile) {
  ShortWaits waits;
  sleeps(waits, 40, 30us);
  EXPECT_FALSE(waits.look(TimePoint::max(), [] { return false; }));
  EXPECT_FALSE(looks(waits));
  sleeps(waits, 40, 30us);
  EXPECT_TRUE(looks(waits));
}

TEST(ShortWaits, ADeadlineThatPassesSaysNothingOfTheWaits) {
  ShortWaits waits;
  sleeps(waits, 40, 30us);
  EXPECT_FALSE(waits.look(TimePoint::min(), [] { return false; }));
  EXPECT_TRUE(looks(waits));
}

}  // namespace
}  // namespace polymetis::base
