#include <gtest/gtest.h>

#include "fleet/plan.hpp"

// Instances that are retired while something is under way on them.
namespace polymetis::fleet {
namespace {

using namespace std::chrono_literals;

/// One card whose instance could not be loaded at first and is asked for anew.
class PlanRetire : public ::testing::Test {
 protected:
  PlanRetire() {
    apply(event::AddDevice{"card", "board"});
    apply(event::AddModel{"model", 1, 5ms});
    apply(event::AddExecutor{.device = DeviceId(0), .model = ModelId(0), .trouble = "The link is down."});
    tick();
  }
  void apply(const PlanEvent& event) { plan.apply(now, event, actions); }
  void tick() {
    now = plan.wakeup();
    ASSERT_LT(now, TimePoint::max());
    apply(event::Tick{});
  }

  Plan plan;
  Actions actions;
  TimePoint now{1s};
};

TEST_F(PlanRetire, WhatIsRetiredWhileItIsLoadedIsHeldUntilThen) {
  ASSERT_EQ(actions.reloads.size(), 1);
  apply(event::RetireExecutor{ExecutorId(0)});
  EXPECT_TRUE(actions.retired.empty());
  apply(event::Reloaded{.executor = ExecutorId(0)});
  EXPECT_EQ(actions.retired.size(), 1);
}

TEST_F(PlanRetire, WhatIsRetiredWhileItsProbeHangsIsGivenUp) {
  apply(event::Reloaded{.executor = ExecutorId(0), .depth = 2, .hang_floor = 20ms});
  ASSERT_EQ(actions.starts.size(), 1);  // the probe
  apply(event::RetireExecutor{ExecutorId(0)});
  EXPECT_TRUE(actions.retired.empty());
  for (int ticks = 0; ticks < 10 && actions.retired.empty(); ++ticks) tick();
  EXPECT_EQ(actions.retired.size(), 1);
}

}  // namespace
}  // namespace polymetis::fleet
