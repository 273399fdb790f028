// Results that end on many threads leave a stream in its order: where a wake-up that is lost, or a result that overtakes another, would show.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fleet_bed.hpp"

namespace polymetis::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t frames = 1'000'000;

/// `count` threads feed one stream, each with numbers of its own; the jobs end on whichever of them gets to it.
class HandOver : public ::testing::TestWithParam<unsigned> {
 protected:
  /// Frames are told apart by their tags: the submitter and its own number.
  static std::uint64_t tag(unsigned submitter, std::uint64_t number) { return std::uint64_t{submitter} << 32 | number; }

  void feed(unsigned submitter) {
    const Row bytes(16);
    const std::span<const std::byte> input(bytes);
    for (std::uint64_t n = 0; n < frames / GetParam(); ++n)
      if (!stream.submit(std::span(&input, 1), {.tag = tag(submitter, n)})) return;
  }

  FleetBed bed{FleetBed::cards_of(2, "compute = \"none\"\ntiming = \"host\"\n"), base::ThreadHost::shared()};
  // A crowded computer may keep a thread waiting for long; that is no hang of a card here.
  Fleet fleet = Fleet::create(bed.context, {.health = {.hang_floor = 1min}}).value();
  Stream stream = fleet.open_stream(bed.model).value();
};

TEST_P(HandOver, AMillionFramesInOrderEachOnce) {
  std::vector<std::thread> submitters;
  for (unsigned s = 0; s < GetParam(); ++s) submitters.emplace_back([this, s] { feed(s); });
  std::vector<std::uint64_t> next(GetParam());
  std::uint64_t wrong = 0;
  const std::uint64_t all = frames / GetParam() * GetParam();
  for (std::uint64_t number = 0; number < all; ++number) {
    const auto result = stream.next(bed.host->now() + 30s);
    ASSERT_TRUE(result) << "frame " << number << " has not come for 30 s";
    const auto submitter = static_cast<std::size_t>(result->tag >> 32);
    wrong +=
        result->ok() && result->number == number && submitter < next.size() && result->tag == tag(static_cast<unsigned>(submitter), next[submitter])
            ? 0
            : 1;
    if (submitter < next.size()) ++next[submitter];
  }
  for (auto& submitter : submitters) submitter.join();
  EXPECT_EQ(wrong, 0U);
  stream.finish();
  EXPECT_FALSE(stream.next());
}

INSTANTIATE_TEST_SUITE_P(Threads, HandOver, ::testing::Values(8U, 32U));

}  // namespace
}  // namespace polymetis::testing
