#include "polymetis/status.hpp"

#include <gtest/gtest.h>

#include "base/try.hpp"

namespace polymetis {
namespace {

TEST(Status, ASuccessIsAPointer) {
  const Status status;
  EXPECT_EQ(sizeof(status), sizeof(std::shared_ptr<int>));
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), Code::ok);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.to_string(), "");
  EXPECT_TRUE(status.cause().ok());
}

TEST(Status, AFailureTellsItsCauses) {
  const Status low(Code::connection_error, "the link is down");
  const Status high(Code::runtime_error, "the frame failed", low);
  EXPECT_EQ(high.code(), Code::runtime_error);
  EXPECT_EQ(high.message(), "the frame failed");
  EXPECT_EQ(high.cause().code(), Code::connection_error);
  EXPECT_EQ(high.to_string(), "the frame failed: the link is down");
}

TEST(Status, CodesHaveNames) {
  EXPECT_EQ(code_name(Code::ok), "ok");
  EXPECT_EQ(code_name(Code::device_in_use), "device in use");
  EXPECT_EQ(code_name(Code::unknown_error), "unknown error");
  EXPECT_EQ(code_name(static_cast<Code>(99)), "unknown error");
  EXPECT_EQ(code_name(static_cast<Code>(-1)), "unknown error");
}

Expected<std::unique_ptr<int>> number(int value) {
  if (value < 0) return failure(Code::value_error, "negative");
  return std::make_unique<int>(value);
}
Status check(int value) { return value > 9 ? Status(Code::invalid_argument, "too large") : Status(); }

Expected<std::string> text(int value) {
  TRY(check(value));
  return std::to_string(*TRY(number(value)) + *TRY(number(1)));
}
Status chain(int value) {
  const std::string made = TRY(text(value));
  return made == "3" ? Status() : Status(Code::runtime_error, made);
}

TEST(Try, GivesTheValueOrEndsTheFunction) {
  EXPECT_EQ(text(2).value(), "3");
  EXPECT_EQ(text(-1).error().message(), "negative");
  EXPECT_EQ(text(10).error().code(), Code::invalid_argument);
  EXPECT_TRUE(chain(2).ok());
  EXPECT_EQ(chain(10).message(), "too large");
}

}  // namespace
}  // namespace polymetis
