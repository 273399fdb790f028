#include "polymetis/properties.hpp"

#include <gtest/gtest.h>

namespace polymetis {
namespace {

using Items = std::map<std::string, std::string, std::less<>>;

Items items_of(std::string_view text) { return Properties::parse(text).value().items(); }
std::string error_of(std::string_view text) {
  const auto properties = Properties::parse(text);
  EXPECT_FALSE(properties);
  if (properties) return "";
  EXPECT_EQ(properties.error().code(), Code::value_error);
  return std::string(properties.error().message());
}

TEST(Properties, TakesSemicolonsAndNewlines) {
  EXPECT_EQ(items_of("a=1;b=2"), (Items{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(items_of("a=1\nb=2\n"), (Items{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(items_of("a=1;\n;b=2;;"), (Items{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(items_of("a=1\r\nb=2\r\n"), (Items{{"a", "1"}, {"b", "2"}}));
}

TEST(Properties, IgnoresBlanksAndEmptyItems) {
  EXPECT_EQ(items_of(""), Items());
  EXPECT_EQ(items_of(" \n ; \t"), Items());
  EXPECT_EQ(items_of("  a = 1 2 ; b=\t"), (Items{{"a", "1 2"}, {"b", ""}}));
}

TEST(Properties, TheFirstEqualsSignSplits) { EXPECT_EQ(items_of("a=b=c"), (Items{{"a", "b=c"}})); }

TEST(Properties, TheLastOfOneKeyCounts) { EXPECT_EQ(items_of("a=1;a=2"), (Items{{"a", "2"}})); }

TEST(Properties, RefusesWhatIsNoItem) {
  EXPECT_EQ(error_of("a=1;double_buffer"), "property 'double_buffer' has no '='; write key=value, items separated by ';' or newline");
  EXPECT_EQ(error_of(" =1"), "property '=1' has no key before '='; write key=value, items separated by ';' or newline");
  EXPECT_EQ(error_of(std::string_view("a=1\0", 4)), "property 'a=1?' has a NUL byte; write key=value, items separated by ';' or newline");
}

TEST(Properties, HasALimit) {
  const std::string limit = "a=" + std::string((1 << 20) - 2, 'x');
  EXPECT_EQ(Properties::parse(limit)->get("a")->size(), (1U << 20) - 2);
  EXPECT_NE(error_of(limit + "x").find("at most 1048576"), std::string::npos);
  EXPECT_LT(error_of(std::string(1 << 20, 'x')).size(), 200U) << "a message quotes the beginning only";
}

TEST(Properties, CanBeChanged) {
  Properties properties{{"b", "2"}, {"a", "1"}};
  EXPECT_EQ(properties.keys(), "a;b");
  properties.set("c", "3");
  properties.remove("a");
  properties.remove("nothing");
  EXPECT_EQ(properties.keys(), "b;c");
  EXPECT_EQ(*properties.get("c"), "3");
  EXPECT_EQ(properties.get("a"), nullptr);
}

}  // namespace
}  // namespace polymetis
