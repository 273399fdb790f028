#include "device/instance.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <thread>

#include "base/loop_host.hpp"
#include "base/thread_host.hpp"
#include "device/telemetry_page.hpp"
#include "device/testing/fake_driver.hpp"

namespace polymetis::device {
namespace {

using namespace std::chrono_literals;
using testing::FakeControl;
using testing::FakeInstance;
using testing::Outcome;

struct CountingMeter final : CoreMeter {
  void ended(const Status& status, const Stamps&, std::size_t rows) noexcept override {
    frames += rows;
    failures += status.ok() ? 0 : 1;
  }
  std::size_t frames = 0;
  std::size_t failures = 0;
};

/// Counts ends, and keeps the last.
struct Ends {
  unsigned count = 0;
  Status status;
  Stamps stamps;
  std::function<void()> then;
  static void done(void* argument, const Status& status, const Stamps& stamps) noexcept {
    auto& self = *static_cast<Ends*>(argument);
    ++self.count;
    self.status = status;
    self.stamps = stamps;
    if (self.then) self.then();
  }
};

class InstanceTest : public ::testing::Test {
 protected:
  std::unique_ptr<Instance> make(std::shared_ptr<void> lease = {}) {
    return std::make_unique<Instance>(std::make_unique<FakeInstance>(control, host), *host, meter, std::move(lease));
  }
  JobRequest request(Ends& to) {
    JobRequest request;
    request.inputs = {&input, 1};
    request.outputs = {&output, 1};
    request.done = &Ends::done;
    request.argument = &to;
    return request;
  }

  std::shared_ptr<base::LoopHost> host = std::make_shared<base::LoopHost>();
  std::shared_ptr<FakeControl> control = std::make_shared<FakeControl>();
  std::shared_ptr<CountingMeter> meter = std::make_shared<CountingMeter>();
  std::array<std::byte, 16> in{std::byte{7}}, out{};
  Buffer input{in.data(), in.size()}, output{out.data(), out.size()};
  Ends ends;
};

TEST_F(InstanceTest, JobEndsInsideSubmit) {
  const auto instance = make();
  EXPECT_NE(instance->submit(request(ends)), JobId::none);
  EXPECT_EQ(ends.count, 1U);
  EXPECT_TRUE(ends.status.ok());
  EXPECT_EQ(out[15], std::byte{7});
  EXPECT_EQ(ends.stamps.queued, host->now());
  EXPECT_EQ(instance->in_flight(), 0U);
  EXPECT_EQ(meter->frames, 1U);
}

TEST_F(InstanceTest, JobEndsLaterOnTheHost) {
  control->plan({{Outcome::When::later, 5ms}});
  const auto instance = make();
  JobRequest asked = request(ends);
  asked.queued = host->now() - 1ms;
  instance->submit(asked);
  EXPECT_EQ(ends.count, 0U);
  EXPECT_EQ(instance->in_flight(), 1U);
  host->run_until_idle();
  EXPECT_EQ(ends.count, 1U);
  EXPECT_EQ(ends.stamps.output_ended - ends.stamps.queued, 6ms);
}

TEST_F(InstanceTest, FullInstanceTakesNothing) {
  control->traits.depth = 2;
  control->plan({}, {Outcome::When::never});
  const auto instance = make();
  EXPECT_NE(instance->submit(request(ends)), JobId::none);
  EXPECT_NE(instance->submit(request(ends)), JobId::none);
  EXPECT_EQ(instance->submit(request(ends)), JobId::none);
  EXPECT_EQ(control->submitted, 2U);
  EXPECT_TRUE(control->end_held());
  EXPECT_EQ(ends.count, 1U);
  EXPECT_NE(instance->submit(request(ends)), JobId::none);
  while (control->end_held()) {
  }
  EXPECT_EQ(ends.count, 3U);
}

TEST_F(InstanceTest, DepthIsKeptWithinBounds) {
  control->traits.depth = 0;
  EXPECT_EQ(make()->traits().depth, 1U);
  control->traits.depth = 1000;
  EXPECT_EQ(make()->traits().depth, 63U);
}

TEST_F(InstanceTest, SecondAnswerIsDropped) {
  control->plan({{Outcome::When::inside, 0ns, {}, 3}, {Outcome::When::later, 1ms, {}, 2}});
  const auto instance = make();
  instance->submit(request(ends));
  instance->submit(request(ends));
  host->run_until_idle();
  EXPECT_EQ(ends.count, 2U);
  EXPECT_EQ(control->too_late, 3U);
  EXPECT_EQ(meter->frames, 2U);
}

TEST_F(InstanceTest, LateAnswerDoesNotEndTheNextJobOfItsPlace) {
  control->plan({{Outcome::When::never}, {Outcome::When::never}});
  const auto instance = make();
  instance->submit(request(ends));
  const Ticket first = control->held.front();
  control->end_held();
  Ends second;
  instance->submit(request(second));
  EXPECT_EQ(first.end({}, {}), Answer::too_late);
  EXPECT_EQ(second.count, 0U);
  control->end_held(Status(Code::connection_error, "link lost"));
  EXPECT_EQ(second.status.code(), Code::connection_error);
  EXPECT_EQ(meter->failures, 1U);
}

TEST_F(InstanceTest, AnswerAfterTheInstanceIsGoneIsDropped) {
  control->plan({{Outcome::When::never}});
  auto instance = make();
  instance->submit(request(ends));
  const Ticket ticket = control->held.front();
  control->end_held();
  instance.reset();
  EXPECT_EQ(ticket.end({}, {}), Answer::too_late);
  const auto again = make();  // has the memory of the one before
  control->plan({{Outcome::When::never}});
  again->submit(request(ends));
  EXPECT_EQ(ticket.end({}, {}), Answer::too_late);
  EXPECT_EQ(ends.count, 1U);
  control->end_held();
}

TEST_F(InstanceTest, DoneMaySubmitTheNextAMillionTimesOnABoundedStack) {
  const auto instance = make();
  std::uintptr_t lowest = UINTPTR_MAX, highest = 0;
  ends.then = [&] {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest = std::min(lowest, here);
    highest = std::max(highest, here);
    if (ends.count < 1'000'000) {
      EXPECT_NE(instance->submit(request(ends)), JobId::none);
    }
  };
  instance->submit(request(ends));
  EXPECT_EQ(ends.count, 1'000'000U);
  EXPECT_EQ(control->overlaps, 0U);
  EXPECT_LT(highest - lowest, 4096U);
}

TEST_F(InstanceTest, TwoInstancesMayFeedEachOther) {
  const auto one = make(), other = make();
  Ends second;
  std::uintptr_t lowest = UINTPTR_MAX, highest = 0;
  ends.then = [&] {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest = std::min(lowest, here);
    highest = std::max(highest, here);
    if (ends.count < 100'000) other->submit(request(second));
  };
  second.then = [&] { one->submit(request(ends)); };
  one->submit(request(ends));
  EXPECT_EQ(ends.count, 100'000U);
  EXPECT_LT(highest - lowest, 8192U);
}

TEST_F(InstanceTest, AbandonTellsTheDriverOnce) {
  control->plan({{Outcome::When::when_abandoned}});
  const auto instance = make();
  const JobId job = instance->submit(request(ends));
  instance->abandon(job);
  instance->abandon(job);
  EXPECT_EQ(control->abandoned, 1U);
  EXPECT_EQ(ends.count, 1U);
  EXPECT_EQ(ends.status.code(), Code::runtime_error);
  EXPECT_EQ(instance->in_flight(), 0U);
}

TEST_F(InstanceTest, AbandonedJobThatCannotBeTakenBackKeepsItsPlace) {
  control->plan({{Outcome::When::never}});
  const auto instance = make();
  const JobId job = instance->submit(request(ends));
  instance->abandon(job);
  instance->abandon(job);
  EXPECT_EQ(control->abandoned, 1U);
  EXPECT_EQ(ends.count, 0U);
  EXPECT_EQ(instance->in_flight(), 1U);
  EXPECT_EQ(instance->submit(request(ends)), JobId::none);
  control->end_held();
  EXPECT_EQ(ends.count, 1U);
}

TEST_F(InstanceTest, AbandonOfAnEndedJobDoesNothing) {
  const auto instance = make();
  const JobId job = instance->submit(request(ends));
  instance->abandon(job);
  instance->abandon(JobId::none);
  instance->abandon(static_cast<JobId>(UINT64_MAX));
  EXPECT_EQ(control->abandoned, 0U);
}

TEST_F(InstanceTest, AbandonFromWithinDoneOfAJobThatWaitsEndsItUnseenByTheDriver) {
  control->traits.depth = 2;
  const auto instance = make();
  Ends second;
  ends.then = [&] { instance->abandon(instance->submit(request(second))); };
  instance->submit(request(ends));
  EXPECT_EQ(second.count, 1U);
  EXPECT_EQ(second.status.code(), Code::runtime_error);
  EXPECT_EQ(control->submitted, 1U);
  EXPECT_EQ(control->overlaps, 0U);
}

TEST_F(InstanceTest, DestroyedIdleFreesTheDriversInstanceAndThenTheLease) {
  const auto lease = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = lease;
  auto instance = make(std::shared_ptr<void>(nullptr, [this, lease](void*) { EXPECT_EQ(control->unloaded, 1U); }));
  instance.reset();
  EXPECT_EQ(control->unloaded, 1U);
}

TEST_F(InstanceTest, DestroyedWithJobsInsideItLivesUntilTheyEnd) {
  control->traits.depth = 3;
  control->plan({}, {Outcome::When::never});
  auto lease = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = lease;
  auto instance = make(std::move(lease));
  auto kept = std::make_shared<int>(2);
  const std::weak_ptr<int> buffers = kept;
  JobRequest asked = request(ends);
  asked.keep_alive = std::move(kept);
  instance->submit(asked);
  asked.keep_alive.reset();
  instance->submit(request(ends));
  instance.reset();
  EXPECT_FALSE(watched.expired());
  EXPECT_FALSE(buffers.expired());
  control->end_held();
  EXPECT_TRUE(buffers.expired());
  EXPECT_EQ(control->unloaded, 0U);
  control->end_held();
  EXPECT_EQ(ends.count, 2U);
  EXPECT_EQ(control->unloaded, 0U) << "not inside the ticket's end";
  host->run_until_idle();
  EXPECT_EQ(control->unloaded, 1U);
  EXPECT_TRUE(watched.expired());
}

TEST_F(InstanceTest, DestroyedFromWithinDone) {
  auto instance = make();
  ends.then = [&] { instance.reset(); };
  instance->submit(request(ends));
  EXPECT_EQ(control->unloaded, 1U) << "when submit has returned";
  control->plan({{Outcome::When::later, 1ms}});
  instance = make();
  instance->submit(request(ends));
  host->run_until_idle();
  EXPECT_EQ(control->unloaded, 2U);
}

TEST_F(InstanceTest, DestroyedFromWithinDoneWithAJobQueued) {
  control->traits.depth = 2;
  auto instance = make();
  Ends second;
  ends.then = [&] {
    instance->submit(request(second));
    instance.reset();
  };
  instance->submit(request(ends));
  EXPECT_EQ(second.count, 1U);
  EXPECT_TRUE(second.status.ok());
  EXPECT_EQ(control->unloaded, 1U);
}

TEST_F(InstanceTest, BlockingDriverIsCalledOnTheHost) {
  control->traits.blocking = Blocking::always;
  auto instance = make();
  JobRequest asked = request(ends);
  asked.submitter = Submitter::waits;
  instance->submit(asked);
  EXPECT_EQ(control->submitted, 0U);
  host->run_until_idle();
  EXPECT_EQ(ends.count, 1U);
  instance->submit(asked);
  instance.reset();
  host->run_until_idle();
  EXPECT_EQ(ends.count, 2U);
  EXPECT_EQ(control->unloaded, 1U);
}

TEST_F(InstanceTest, SubmitterWaitsIsPassedOn) {
  const auto instance = make();
  JobRequest asked = request(ends);
  asked.submitter = Submitter::waits;
  instance->submit(asked);
  EXPECT_EQ(control->waiting_submitters, 1U);
}

struct SharedEnds {
  std::atomic<unsigned> count{0};
  static void done(void* argument, const Status&, const Stamps&) noexcept { ++static_cast<SharedEnds*>(argument)->count; }
};

TEST_F(InstanceTest, ManyThreadsSubmitAndAbandonAtOnce) {
  constexpr unsigned threads = 4, each = 3000;
  control->traits.depth = 3;
  base::ThreadHost threaded;
  const auto instance = std::make_unique<Instance>(std::make_unique<FakeInstance>(control, host), threaded, meter, nullptr);
  SharedEnds shared;
  std::vector<std::thread> pool;
  for (unsigned t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      std::array<std::byte, 16> own{};
      Buffer result{own.data(), own.size()};
      JobRequest asked;
      asked.inputs = {&input, 1};
      asked.outputs = {&result, 1};
      asked.done = &SharedEnds::done;
      asked.argument = &shared;
      for (unsigned i = 0; i < each;) {
        const JobId job = instance->submit(asked);
        if (job == JobId::none) {
          std::this_thread::yield();
          continue;
        }
        ++i;
        if (t == 0) instance->abandon(job);
      }
      while (instance->in_flight() != 0) std::this_thread::yield();  // `own` is lent
    });
  }
  for (std::thread& thread : pool) thread.join();
  EXPECT_EQ(shared.count, threads * each);
  EXPECT_EQ(control->overlaps, 0U);
  EXPECT_EQ(instance->in_flight(), 0U);
  EXPECT_EQ(meter->frames, threads * each);
}

TEST_F(InstanceTest, TwoAnswersAtOnceOnTwoThreadsEndAJobOnce) {
  control->plan({}, {Outcome::When::never});
  const auto instance = make();
  SharedEnds shared;
  for (unsigned i = 1; i <= 500; ++i) {
    JobRequest asked = request(ends);
    asked.done = &SharedEnds::done;
    asked.argument = &shared;
    instance->submit(asked);
    const Ticket ticket = control->held.front();
    control->held.clear();
    std::atomic<unsigned> taken{0};
    const auto answer = [&] { taken += ticket.end({}, {}) == Answer::taken ? 1 : 0; };
    std::thread other(answer);
    answer();
    other.join();
    EXPECT_EQ(taken, 1U);
    EXPECT_EQ(shared.count, i);
  }
}

TEST_F(InstanceTest, DestroyedWhileAnotherThreadEndsItsLastJob) {
  control->plan({}, {Outcome::When::never});
  for (unsigned i = 1; i <= 300; ++i) {
    auto instance = make();
    instance->submit(request(ends));
    std::thread other([&] { control->end_held(); });
    instance.reset();
    other.join();
    host->run_until_idle();
    EXPECT_EQ(control->unloaded, i);
    EXPECT_EQ(ends.count, i);
  }
}

TEST_F(InstanceTest, AThreadIsNotHeldUpForEverByTheJobsOfOthers) {
  control->traits.depth = 2;
  const auto instance = make();
  ends.then = [&] {  // each job has another thread leave the next one while this thread has the driver
    if (ends.count < 1000) std::thread([&] { instance->submit(request(ends)); }).join();
  };
  JobRequest asked = request(ends);
  asked.submitter = Submitter::waits;
  instance->submit(asked);
  EXPECT_EQ(ends.count, 257U);
  EXPECT_EQ(control->waiting_submitters, 1U) << "the others' jobs must not compute on this thread";
  host->run_until_idle();
  EXPECT_EQ(ends.count, 1000U);
}

}  // namespace
}  // namespace polymetis::device
