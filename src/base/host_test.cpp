#include "polymetis/host.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

#include "base/loop_host.hpp"
#include "base/thread_host.hpp"

namespace polymetis {
namespace {

using namespace std::chrono_literals;

/// What every host promises, on each of them.
template <class T>
class HostTest : public testing::Test {
 protected:
  /// Waits for a task that is sure to come.
  void await(Latch& latch) { ASSERT_TRUE(host_.wait(latch, host_.now() + 20s)); }

  T host_;
};

struct Names {
  template <class T>
  static std::string GetName(int) {
    return std::is_same_v<T, base::LoopHost> ? "loop" : "threads";
  }
};
using Hosts = testing::Types<base::LoopHost, base::ThreadHost>;
TYPED_TEST_SUITE(HostTest, Hosts, Names);

TYPED_TEST(HostTest, PostRunsInOrderAndNeverInside) {
  std::vector<int> order;
  Latch done;
  std::atomic<bool> inside{true};
  bool was_inside = false;
  const std::thread::id caller = std::this_thread::get_id();
  for (int i = 0; i < 1000; ++i) {
    this->host_.post(make_task([&, i] {
      was_inside |= inside.load() && std::this_thread::get_id() == caller;
      order.push_back(i);
      if (i == 999) done.open();
    }));
  }
  inside = false;
  this->await(done);
  EXPECT_FALSE(was_inside);
  ASSERT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TYPED_TEST(HostTest, WhatATaskPostsRunsAfterWhatWasPosted) {
  std::vector<int> order;
  Latch done;
  Latch posted;
  this->host_.post(make_task([&] {
    this->host_.wait(posted, TimePoint::max());
    this->host_.post(make_task([&] {
      order.push_back(3);
      done.open();
    }));
    order.push_back(1);
  }));
  this->host_.post(make_task([&] { order.push_back(2); }));
  posted.open();
  this->await(done);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TYPED_TEST(HostTest, BlockingTasksRunAndNeverInside) {
  std::atomic<int> count{0};
  Latch done;
  for (int i = 0; i < 100; ++i) {
    this->host_.run_blocking(make_task([&] {
      if (++count == 100) done.open();
    }));
  }
  this->await(done);
  EXPECT_EQ(count, 100);
}

TYPED_TEST(HostTest, TimersRunAtTheirTimeEarliestFirst) {
  std::vector<int> order;
  Latch done;
  const TimePoint start = this->host_.now();
  TimePoint at_first;
  this->host_.call_at(start + 30ms, make_task([&] {
                        order.push_back(3);
                        done.open();
                      }));
  this->host_.call_at(start + 20ms, make_task([&] { order.push_back(1); }));
  this->host_.call_at(start + 20ms, make_task([&] { order.push_back(2); }));
  this->host_.call_at(start + 10ms, make_task([&] {
                        at_first = this->host_.now();
                        order.push_back(0);
                      }));
  this->await(done);
  EXPECT_GE(at_first, start + 10ms);
  EXPECT_GE(this->host_.now(), start + 30ms);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TYPED_TEST(HostTest, ATimerInThePastRunsSoon) {
  Latch done;
  this->host_.call_at(TimePoint::min(), make_task([&] { done.open(); }));
  this->await(done);
}

TYPED_TEST(HostTest, TimersSetTimers) {
  struct Chain {
    Host* host;
    Latch done;
    int left = 1000;
    TimePoint next;
    static void step(void* argument) noexcept {
      auto& chain = *static_cast<Chain*>(argument);
      if (--chain.left == 0) return chain.done.open();
      chain.next += 10us;
      chain.host->call_at(chain.next, {&step, argument});
    }
  };
  Chain chain{&this->host_, {}, 1000, this->host_.now()};
  this->host_.call_at(chain.next, {&Chain::step, &chain});
  this->await(chain.done);
}

TYPED_TEST(HostTest, CancelTellsExactly) {
  Latch done;
  int cancelled_ran = 0;
  TimerId own = TimerId::none;
  std::atomic<bool> own_cancelled{true};
  const Task count{[](void* argument) noexcept { ++*static_cast<int*>(argument); }, &cancelled_ran};
  const TimerId first = this->host_.call_at(this->host_.now() + std::chrono::hours(1), count);
  EXPECT_TRUE(this->host_.cancel(first));
  EXPECT_FALSE(this->host_.cancel(first));
  Latch known;
  std::function<void()> body = [&] {
    known.wait_until(TimePoint::max());
    own_cancelled = this->host_.cancel(own);
    done.open();
  };
  own = this->host_.call_at(this->host_.now() + 10ms, {[](void* f) noexcept { (*static_cast<std::function<void()>*>(f))(); }, &body});
  known.open();
  this->await(done);
  EXPECT_FALSE(own_cancelled) << "it was running";
  EXPECT_FALSE(this->host_.cancel(own));
  EXPECT_FALSE(this->host_.cancel(first)) << "an old id must not name a newer timer";
  EXPECT_FALSE(this->host_.cancel(TimerId::none));
  EXPECT_EQ(cancelled_ran, 0);
}

TYPED_TEST(HostTest, WaitEndsAtItsDeadline) {
  Latch never;
  const TimePoint deadline = this->host_.now() + 2ms;
  EXPECT_FALSE(this->host_.wait(never, deadline));
  EXPECT_GE(this->host_.now(), deadline);
  EXPECT_FALSE(this->host_.wait(never, TimePoint::min()));
}

TYPED_TEST(HostTest, AnOpenLatchIsNotWaitedFor) {
  Latch latch;
  latch.open();
  EXPECT_TRUE(this->host_.wait(latch, TimePoint::min()));
  EXPECT_TRUE(this->host_.wait(latch, TimePoint::max()));
  latch.reset();
  EXPECT_FALSE(this->host_.wait(latch, TimePoint::min()));
}

TYPED_TEST(HostTest, ALatchMayGoAsSoonAsTheWaitReturned) {
  for (int i = 0; i < 2000; ++i) {
    auto latch = std::make_unique<Latch>();
    this->host_.run_blocking({[](void* argument) noexcept { static_cast<Latch*>(argument)->open(); }, latch.get()});
    this->await(*latch);
    latch.reset();
  }
}

TYPED_TEST(HostTest, ATaskOwnsItsClosure) {
  auto held = std::make_shared<int>(1);
  Latch done;
  this->host_.post(make_task([&done, held] { done.open(); }));
  this->await(done);
  Latch later;
  this->host_.post(make_task([&] { later.open(); }));
  this->await(later);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Latch, WakesAllWhoWait) {
  Latch latch;
  std::atomic<int> awake{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      if (latch.wait_until(TimePoint::max())) ++awake;
    });
  }
  latch.open();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(awake, 4);
}

}  // namespace
}  // namespace polymetis
