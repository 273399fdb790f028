#include "base/log.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "polymetis/host.hpp"

namespace polymetis::base {
namespace {

TEST(Log, WritesNowhereUntilAskedTo) {
  Log log;
  EXPECT_FALSE(log.wants(LogLevel::error));
  log.write(LogLevel::error, "lost");
}

TEST(Log, PassesOnWhatIsImportantEnough) {
  Log log(LogLevel::warning);
  std::vector<std::string> seen;
  log.set_logger([&](LogLevel, const char* message) { seen.emplace_back(message); });
  log.format(LogLevel::info, "{} is {}", "a", 1);
  log.format(LogLevel::warning, "{} is {}", "b", 2);
  log.set_level(LogLevel::trace);
  log.write(LogLevel::trace, "c");
  log.set_logger({});
  log.write(LogLevel::error, "d");
  EXPECT_EQ(seen, (std::vector<std::string>{"b is 2", "c"}));
}

TEST(Log, ALoggerMayCallBack) {
  Log log;
  int calls = 0;
  log.set_logger([&](LogLevel, const char*) {
    if (++calls == 1) log.write(LogLevel::error, "again");
    log.set_logger({});
  });
  log.write(LogLevel::error, "first");
  EXPECT_EQ(calls, 2);
}

TEST(Log, AReplacedLoggerIsLeftByAllWhenSetLoggerReturns) {
  for (int round = 0; round < 20; ++round) {
    Log log;
    Latch entered;
    std::atomic<bool> left{false};
    log.set_logger([&](LogLevel, const char*) {
      entered.open();
      while (log.wants(LogLevel::error)) std::this_thread::yield();  // until it is being replaced
      for (int i = 0; i < 100; ++i) std::this_thread::yield();
      left = true;
    });
    std::thread writer([&] { log.write(LogLevel::error, "x"); });
    entered.wait_until(TimePoint::max());
    log.set_logger({});
    EXPECT_TRUE(left);
    writer.join();
  }
}

TEST(Log, TwoLoggersMayReplaceThemselvesAtOnce) {
  Log log;
  Latch both;
  std::atomic<int> inside{0};
  log.set_logger([&](LogLevel, const char*) {
    if (++inside == 2) both.open();
    both.wait_until(TimePoint::max());
    log.set_logger({});
  });
  std::thread writer([&] { log.write(LogLevel::error, "x"); });
  log.write(LogLevel::error, "y");
  writer.join();
  EXPECT_EQ(inside, 2);
}

TEST(Log, WhatALoggerThrowsEndsThere) {
  Log log;
  log.set_logger([](LogLevel, const char*) { throw 1; });
  log.write(LogLevel::error, "x");
}

TEST(Log, MayChangeWhileOthersWrite) {
  Log log;
  std::atomic<int> calls{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) log.format(LogLevel::warning, "{}", 1);
  });
  while (calls < 100) {
    log.set_logger([&](LogLevel, const char*) { ++calls; });
    log.set_level(LogLevel::error);
    log.set_level(LogLevel::warning);
    std::this_thread::yield();
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace polymetis::base
