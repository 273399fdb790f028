#include "base/thread_host.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/child_test.hpp"
#include "base/serial_thread.hpp"
#include "base/thread_pool.hpp"
#include "base/timer_thread.hpp"

namespace polymetis::base {
namespace {

using namespace std::chrono_literals;

TimePoint soon(Duration time = 20s) { return std::chrono::steady_clock::now() + time; }
Task opens(Latch& latch) {
  return {[](void* argument) noexcept { static_cast<Latch*>(argument)->open(); }, &latch};
}

/// How often the threads of hosts went to sleep, in all.
long sleeps_of_host_threads() {
  long sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    std::string word;
    long count = 0;
    bool ours = false;
    while (status >> word) {
      if (word.starts_with("polymetis-")) ours = true;
      if (word == "voluntary_ctxt_switches:" && status >> count && ours) sum += count;
    }
  }
  return sum;
}

TEST(ThreadHost, SleepsWhenThereIsNothingToDo) {
  ThreadHost host;
  Latch a, b, c;
  host.post(opens(a));
  host.run_blocking(opens(b));
  host.call_at(host.now(), opens(c));
  host.call_at(host.now() + 1h, {[](void*) noexcept {}, nullptr});
  EXPECT_TRUE(host.wait(a, soon()) && host.wait(b, soon()) && host.wait(c, soon()));
  Latch never;
  host.wait(never, soon(20ms));  // they fall asleep
  const long before = sleeps_of_host_threads();
  EXPECT_GT(before, 0);
  host.wait(never, soon(100ms));
  EXPECT_EQ(sleeps_of_host_threads(), before);
}

TEST(ThreadHost, BlockedTasksDelayNobody) {
  ThreadHost host;
  constexpr int count = 40;
  std::atomic<int> arrived{0};
  std::atomic<int> left{count};
  Latch all_here;
  Latch all_left;
  for (int i = 0; i < count; ++i) {
    host.run_blocking(make_task([&] {
      if (++arrived == count) all_here.open();  // only if each has a thread
      all_here.wait_until(soon());
      if (--left == 0) all_left.open();
    }));
  }
  EXPECT_TRUE(host.wait(all_here, soon()));
  EXPECT_TRUE(host.wait(all_left, soon()));
}

TEST(ThreadHost, ItsThreadsTakeNoSignals) {
  ThreadHost host;
  sigset_t mask;
  Latch done;
  host.run_blocking(make_task([&] {
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    done.open();
  }));
  ASSERT_TRUE(host.wait(done, soon()));
  EXPECT_EQ(sigismember(&mask, SIGINT), 1);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 1);
  sigset_t here;
  pthread_sigmask(SIG_SETMASK, nullptr, &here);
  EXPECT_EQ(sigismember(&here, SIGINT), 0);
}

TEST(ThreadHost, ItsEndRunsWhatWasPostedAndDropsTimers) {
  std::atomic<int> ran{0};
  const Task count{[](void* argument) noexcept { ++*static_cast<std::atomic<int>*>(argument); }, &ran};
  {
    ThreadHost host;
    for (int i = 0; i < 100; ++i) host.post(count);
    for (int i = 0; i < 100; ++i) host.run_blocking(count);
    host.call_at(host.now() + 1h, count);
  }
  EXPECT_EQ(ran, 200);
}

TEST(ThreadHost, MayEndOnItsOwnThreads) {
  Latch ended;
  auto host = std::make_unique<ThreadHost>();
  ThreadHost& borrowed = *host;
  borrowed.run_blocking(make_task([&ended, owned = std::move(host)]() mutable {
    owned.reset();
    ended.open();
  }));
  EXPECT_TRUE(ended.wait_until(soon()));
}

TEST(ThreadHost, CancelAndRunNeverBothHappen) {
  ThreadHost host;
  int ran = 0;  // touched by the timer thread, and by this one after a cancel that was too late and a later timer
  int cancelled = 0;
  const Task count{[](void* argument) noexcept { ++*static_cast<int*>(argument); }, &ran};
  for (int i = 0; i < 2000; ++i) {
    if (host.cancel(host.call_at(host.now() + Duration((i % 20) * 1000), count))) ++cancelled;
  }
  Latch last;
  host.call_at(host.now() + 1ms, opens(last));
  ASSERT_TRUE(host.wait(last, soon()));
  EXPECT_EQ(ran + cancelled, 2000);
}

TEST(ThreadHost, IsOneAProcess) {
  const auto host = ThreadHost::shared();
  EXPECT_EQ(host, ThreadHost::shared());
  Latch done;
  host->post(opens(done));
  EXPECT_TRUE(host->wait(done, soon()));
}

TEST(ThreadHost, AForkedChildGetsItsOwn) {
  const auto parents = ThreadHost::shared();
  Latch started;
  parents->run_blocking(opens(started));
  ASSERT_TRUE(parents->wait(started, soon()));
  const int code = exit_code_of_child([&] {
    const auto host = ThreadHost::shared();
    Latch done;
    host->run_blocking(opens(done));
    return host != parents && host->wait(done, soon()) ? 7 : 0;
  });
  EXPECT_EQ(code, 7);
}

TEST(ThreadHost, InAForkedChildTheParentsDoesNothingAndNeverHangs) {
  auto host = std::make_unique<ThreadHost>();
  Latch release;
  Latch blocked;
  host->run_blocking(make_task([&] {
    blocked.open();
    release.wait_until(soon());
  }));
  const TimerId timer = host->call_at(host->now() + 1h, opens(release));
  ASSERT_TRUE(host->wait(blocked, soon()));
  const int code = exit_code_of_child([&] {
    Latch never;
    host->post(opens(never));
    host->run_blocking(opens(never));
    const bool inert = host->call_at(host->now(), opens(never)) == TimerId::none && host->cancel(timer) && !host->wait(never, TimePoint::max());
    host.reset();
    return inert ? 7 : 0;
  });
  EXPECT_EQ(code, 7);
  EXPECT_TRUE(host->cancel(timer));
  release.open();
}

TEST(ThreadHost, AProcessEndsWhileItsThreadsWork) {
  const int code = exit_code_of_child([] {
    const auto host = ThreadHost::shared();
    Latch busy;
    host->run_blocking(opens(busy));
    host->post(make_task([] { ThreadHost::shared()->post({[](void*) noexcept {}, nullptr}); }));
    host->call_at(host->now() + 1h, {[](void*) noexcept {}, nullptr});
    return host->wait(busy, soon()) ? 7 : 0;
  });
  EXPECT_EQ(code, 7);
}

TEST(Crew, CanBeUsedAgainAfterItsEnd) {
  const auto poster = std::make_shared<SerialThread>();
  const auto pool = std::make_shared<ThreadPool>();
  const auto timers = std::make_shared<TimerThread>();
  for (int round = 0; round < 3; ++round) {
    Latch a, b, c;
    poster->post(opens(a));
    pool->run_soon(opens(b));
    timers->add(std::chrono::steady_clock::now(), opens(c));
    EXPECT_TRUE(a.wait_until(soon()) && b.wait_until(soon()) && c.wait_until(soon()));
    poster->end(Ending::now, soon());
    pool->end(Ending::now, soon());
    timers->end(Ending::now, soon());
    EXPECT_EQ(pool->threads(), 0U);
  }
}

TEST(ThreadPool, HasNoMoreThreadsThanItMayAndRunsAll) {
  const auto pool = std::make_shared<ThreadPool>(3);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> left{60};
  Latch done;
  for (int i = 0; i < 60; ++i) {
    pool->run_soon(make_task([&] {
      const int now = ++inside;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      --inside;
      if (--left == 0) done.open();
    }));
  }
  EXPECT_TRUE(done.wait_until(soon()));
  EXPECT_LE(most, 3);
  EXPECT_LE(pool->threads(), 3U);
  pool->end(Ending::when_idle, TimePoint::max());
}

TEST(ThreadPool, IdleThreadsEndButForTwo) {
  const auto pool = std::make_shared<ThreadPool>(16, 1ms);
  Latch all_here;
  std::atomic<int> arrived{0};
  for (int i = 0; i < 8; ++i) {
    pool->run_soon(make_task([&] {
      if (++arrived == 8) all_here.open();
      all_here.wait_until(soon());
    }));
  }
  ASSERT_TRUE(all_here.wait_until(soon()));
  const TimePoint limit = soon();
  while (pool->threads() > 2 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_EQ(pool->threads(), 2U);
  Latch done;
  pool->run_soon(opens(done));
  EXPECT_TRUE(done.wait_until(soon()));
  pool->end(Ending::when_idle, TimePoint::max());
}

}  // namespace
}  // namespace polymetis::base
