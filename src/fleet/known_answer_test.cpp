#include "fleet/known_answer.hpp"

#include <gtest/gtest.h>

namespace polymetis::fleet {
namespace {

constexpr DeviceId first{0};
constexpr DeviceId second{1};
constexpr DeviceId third{2};
constexpr std::uint64_t good = 1;
constexpr std::uint64_t bad = 2;

TEST(KnownAnswer, OfTwoTheOneThatChangesIsWrongAlsoTheOlder) {
  for (const DeviceId changes : {first, second}) {
    const DeviceId other = changes == first ? second : first;
    KnownAnswer known;
    EXPECT_TRUE(known.is_right(first, good));
    EXPECT_TRUE(known.is_right(second, good));
    EXPECT_FALSE(known.is_right(changes, bad));
    EXPECT_TRUE(known.is_right(other, good));
    EXPECT_FALSE(known.is_right(changes, bad));
    EXPECT_TRUE(known.is_right(changes, good));
  }
}

TEST(KnownAnswer, OneThatIsWrongFromTheStartIsFoundAmongThree) {
  KnownAnswer known;
  EXPECT_TRUE(known.is_right(first, bad));
  EXPECT_FALSE(known.is_right(second, good));
  EXPECT_TRUE(known.is_right(third, good));
  EXPECT_TRUE(known.is_right(second, good));
  EXPECT_FALSE(known.is_right(first, bad));
}

}  // namespace
}  // namespace polymetis::fleet
