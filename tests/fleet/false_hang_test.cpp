// A crowded computer: runs that only had no CPU are called hung, and come back at any time. Nothing may stand still because of it.

#include <gtest/gtest.h>

#include <thread>

#include "fleet_bed.hpp"

namespace polymetis::testing {
namespace {

using namespace std::chrono_literals;

/// Many threads that never wait: each is kept off the CPU for longer than a hang takes to be seen, some with a run in their hands.
class Crowd {
 public:
  Crowd(Stream stream, Host& host, Duration duration) {
    const TimePoint end = host.now() + duration;
    for (int i = 0; i < 512; ++i)
      threads_.emplace_back([stream, &host, end]() mutable {
        while (host.now() < end)
          if (auto slot = stream.try_slot()) static_cast<void>(stream.try_submit(*slot));
      });
    closer_ = std::thread([this, stream]() mutable {
      for (std::thread& thread : threads_) thread.join();
      stream.finish();
    });
  }
  ~Crowd() { closer_.join(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  std::vector<std::thread> threads_;
  std::thread closer_;
};

TEST(FalseHangs, LeaveNothingStanding) {
  FleetBed bed(FleetBed::cards_of(2, "compute = \"none\"\ntiming = \"host\"\n"), std::make_shared<base::ThreadHost>());
  Fleet fleet = Fleet::create(bed.context, {.no_card_wait = 60s, .health = {.first_backoff = 1ms, .longest_backoff = 4ms}}).value();
  Stream stream = fleet.open_stream(bed.model, {.queue_frames = 32}).value();
  const Crowd crowd(stream, *bed.host, 2s);
  for (std::uint64_t number = 0; !stream.exhausted(); ++number) {
    const auto result = stream.next(bed.host->now() + 20s);
    if (!result && stream.exhausted()) break;
    ASSERT_TRUE(result) << "nothing has moved for 20 s after frame " << number;
    ASSERT_EQ(result->number, number);
  }
}

}  // namespace
}  // namespace polymetis::testing
