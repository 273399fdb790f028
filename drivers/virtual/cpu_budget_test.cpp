#include "virtual/cpu_budget.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "base/loop_host.hpp"
#include "base/thread_host.hpp"

namespace polymetis::virtual_card {

namespace {

struct Piece final : Turn {
  Piece(const CpuSet& cpus, std::function<void()> what) : Turn(cpus), work(std::move(what)) {}
  void take() noexcept override { work(); }
  std::function<void()> work;
};

TEST(CpuSet, FindsTheFirstInBoth) {
  CpuSet a = CpuSet::of({3, 70, 900}, 1000), b = CpuSet::first(1000);
  EXPECT_EQ(a.first_common(b), 3U);
  b.remove(3);
  EXPECT_EQ(a.first_common(b), 70U);
  b.remove(70);
  EXPECT_EQ(a.first_common(b), 900U);
  b.remove(900);
  EXPECT_EQ(a.first_common(b), CpuSet::most);
  EXPECT_TRUE(CpuSet::of({}, 2).has(1));
  EXPECT_FALSE(CpuSet::of({}, 2).has(2));
}

TEST(CpuBudget, GivesEachCpuOnce) {
  const auto budget = std::make_shared<CpuBudget>(std::make_shared<base::LoopHost>(), 2);
  const auto all = CpuSet::first(2);
  EXPECT_EQ(budget->try_take(all), 0U);
  EXPECT_EQ(budget->try_take(all), 1U);
  EXPECT_EQ(budget->try_take(all), CpuSet::most);
  budget->give(0);
  EXPECT_EQ(budget->try_take(CpuSet::of({1}, 2)), CpuSet::most);
  EXPECT_EQ(budget->try_take(CpuSet::of({0}, 2)), 0U);
}

TEST(CpuBudget, FirstComeFirstServed) {
  const auto loop = std::make_shared<base::LoopHost>();
  const auto budget = std::make_shared<CpuBudget>(loop, 1);
  const auto all = CpuSet::first(1);
  std::string order;
  Piece a(all, [&] { order += 'a'; }), b(all, [&] { order += 'b'; }), c(all, [&] { order += 'c'; });
  const auto cpu = budget->try_take(all);
  budget->ask(a);
  budget->ask(b);
  budget->ask(c);
  loop->run_until_idle();
  EXPECT_EQ(order, "") << "nothing may run while the CPU is taken";
  budget->give(cpu);
  loop->run_until_idle();
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(budget->try_take(all), 0U) << "the CPU is free again";
}

TEST(CpuBudget, ACpuGoesOnlyToWhoMayUseIt) {
  const auto loop = std::make_shared<base::LoopHost>();
  const auto budget = std::make_shared<CpuBudget>(loop, 2);
  std::string order;
  Piece zero(CpuSet::of({0}, 2), [&] { order += '0'; }), one(CpuSet::of({1}, 2), [&] { order += '1'; });
  const auto first = budget->try_take(CpuSet::of({0}, 2)), second = budget->try_take(CpuSet::of({1}, 2));
  budget->ask(zero);
  budget->ask(one);
  budget->give(second);
  loop->run_until_idle();
  EXPECT_EQ(order, "1");
  budget->give(first);
  loop->run_until_idle();
  EXPECT_EQ(order, "10");
}

/// Counts how often work is handed to the host.
struct CountingHost final : Host {
  [[nodiscard]] TimePoint now() const noexcept override { return loop.now(); }
  TimerId call_at(TimePoint when, Task task) override { return loop.call_at(when, task); }
  bool cancel(TimerId timer) noexcept override { return loop.cancel(timer); }
  void post(Task task) override { loop.post(task); }
  void run_blocking(Task task) override {
    ++handed;
    loop.run_blocking(task);
  }
  bool wait(Latch& latch, TimePoint deadline) override { return loop.wait(latch, deadline); }
  base::LoopHost loop;
  int handed = 0;
};

TEST(CpuBudget, WhatATurnLeadsToGoesOnWithoutAHandOver) {
  const auto host = std::make_shared<CountingHost>();
  const auto budget = std::make_shared<CpuBudget>(host, 2);
  int pieces = 0;
  Piece* self = nullptr;
  Piece piece(CpuSet::first(2), [&] {
    if (++pieces < 100) budget->ask(*self);
  });
  self = &piece;
  budget->ask(piece);
  host->loop.run_until_idle();
  EXPECT_EQ(pieces, 100);
  EXPECT_EQ(host->handed, 1);
}

TEST(CpuBudget, GoingOnForEverLetsOthersOfTheHostRun) {
  const auto host = std::make_shared<CountingHost>();
  const auto budget = std::make_shared<CpuBudget>(host, 1);
  bool stop = false;
  Piece* self = nullptr;
  Piece piece(CpuSet::first(1), [&] {
    if (!stop) budget->ask(*self);
  });
  self = &piece;
  budget->ask(piece);
  host->post(make_task([&] { stop = true; }));
  host->loop.run_until_idle();
  EXPECT_TRUE(stop);
}

TEST(CpuBudget, GoingOnTakesItsPlaceBehindWhoWaits) {
  const auto loop = std::make_shared<base::LoopHost>();
  const auto budget = std::make_shared<CpuBudget>(loop, 1);
  const auto all = CpuSet::first(1);
  std::string order;
  Piece* again = nullptr;
  Piece a(all, [&] {
    order += 'a';
    if (order.size() < 5) budget->ask(*again);
  });
  again = &a;
  Piece b(all, [&] { order += 'b'; });
  const auto cpu = budget->try_take(all);
  budget->ask(a);
  budget->ask(b);
  budget->give(cpu);
  loop->run_until_idle();
  EXPECT_EQ(order, "abaaa");
}

TEST(CpuBudget, AWithdrawnTurnIsNotTaken) {
  const auto loop = std::make_shared<base::LoopHost>();
  const auto budget = std::make_shared<CpuBudget>(loop, 1);
  const auto all = CpuSet::first(1);
  std::string order;
  Piece a(all, [&] { order += 'a'; }), b(all, [&] { order += 'b'; }), c(all, [&] { order += 'c'; });
  const auto cpu = budget->try_take(all);
  for (Piece* piece : {&a, &b, &c}) budget->ask(*piece);
  EXPECT_TRUE(budget->withdraw(c));
  EXPECT_TRUE(budget->withdraw(a));
  EXPECT_FALSE(budget->withdraw(a));
  budget->ask(c);
  budget->give(cpu);
  EXPECT_FALSE(budget->withdraw(b)) << "it is about to run";
  loop->run_until_idle();
  EXPECT_EQ(order, "bc");
}

TEST(CpuBudget, NeverMoreAtOnceThanCpusAndNoneIsForgotten) {
  constexpr int turns = 32, rounds = 200, askers = 4;
  const auto budget = std::make_shared<CpuBudget>(std::make_shared<base::ThreadHost>(), 3);
  std::atomic<int> inside{0}, most{0}, done{0};
  Latch all_done;
  const auto compute = [&] {
    const int now = ++inside;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::yield();
    --inside;
    if (++done == turns * rounds + askers * rounds) all_done.open();
  };
  std::vector<std::unique_ptr<Piece>> pieces;
  for (int i = 0; i < turns; ++i) {
    const auto left = std::make_shared<int>(rounds);
    pieces.push_back(std::make_unique<Piece>(CpuSet::of(i % 2 == 0 ? std::vector<unsigned>{} : std::vector<unsigned>{1, 2}, 3), [&, i, left] {
      compute();
      if (--*left > 0) budget->ask(*pieces[static_cast<std::size_t>(i)]);
    }));
  }
  for (auto& piece : pieces) budget->ask(*piece);
  std::vector<std::thread> threads;
  for (int i = 0; i < askers; ++i) {
    threads.emplace_back([&] {
      const auto everything = CpuSet::first(3);
      for (int round = 0; round < rounds;) {
        const auto cpu = budget->try_take(everything);
        if (cpu == CpuSet::most) {
          std::this_thread::yield();
          continue;
        }
        ++round;
        compute();
        budget->give(cpu);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(all_done.wait_until(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
  EXPECT_LE(most, 3);
  EXPECT_EQ(done, turns * rounds + askers * rounds);
}

TEST(CpuBudget, OneAHost) {
  const auto a = std::make_shared<base::LoopHost>(), b = std::make_shared<base::LoopHost>();
  const auto budget = CpuBudget::of(a);
  EXPECT_EQ(budget, CpuBudget::of(a));
  EXPECT_NE(budget, CpuBudget::of(b));
  EXPECT_EQ(budget->cpu_count(), usable_cpus());
}

}  // namespace

}  // namespace polymetis::virtual_card
