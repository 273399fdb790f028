#include "base/log.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

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
