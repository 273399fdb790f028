#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <new>
#include <thread>

#include "base/loop_host.hpp"
#include "base/thread_host.hpp"
#include "conformance/probe.hpp"
#include "conformance/test_package.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// counts, so that a test can say that there were none
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // malloc and free are a pair
void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace polymetis {

extern const DriverFactory virtual_driver;

namespace {

using conformance::ProbeJob;

/// An event loop that counts hand-overs, and whose timers may ring late.
struct TestHost final : Host {
  [[nodiscard]] TimePoint now() const noexcept override { return loop.now(); }
  TimerId call_at(TimePoint when, Task task) override { return loop.call_at(when + late, task); }
  bool cancel(TimerId timer) noexcept override { return loop.cancel(timer); }
  void post(Task task) override { loop.post(task); }
  void run_blocking(Task task) override {
    ++handed;
    loop.run_blocking(task);
  }
  bool wait(Latch& latch, TimePoint deadline) override { return loop.wait(latch, deadline); }
  base::LoopHost loop;
  Duration late{0};
  int handed = 0;
};

/// Virtual cards from a text, a model, and jobs.
class VirtualCard : public ::testing::Test {
 protected:
  void make(const std::string& topology, std::shared_ptr<Host> with = nullptr) {
    const auto file = folder.path() / "topology.toml";
    std::ofstream(file) << topology;
    used = with ? std::move(with) : host;
    auto made = virtual_driver.create({.host = used, .topology = file});
    ASSERT_TRUE(made) << made.error().to_string();
    driver = std::move(*made);
    descriptions = *driver->list();
    for (const auto& description : descriptions) devices.push_back(std::move(*driver->open(description)));
  }
  std::unique_ptr<DriverInstance> load(std::size_t device = 0, CoreRange cores = {0, 1}) {
    auto loaded = devices.at(device)->load(model(), {cores});
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    return loaded ? std::move(*loaded) : nullptr;
  }
  std::shared_ptr<const Model> model() {
    if (!model_) model_ = *Model::load(testing::write_test_package(folder.path() / "package", network));
    return model_;
  }
  ProbeJob& job(std::byte fill = std::byte{3}, Submitter how = Submitter::continues, std::size_t rows = 1) {
    jobs.push_back(std::make_unique<ProbeJob>(*model(), rows, fill, used->now(), how));
    jobs.back()->counter = &ends;
    return *jobs.back();
  }

  testing::TemporaryFolder folder;
  testing::TestNetwork network;
  std::shared_ptr<TestHost> host = std::make_shared<TestHost>();
  std::shared_ptr<Host> used;
  std::unique_ptr<Driver> driver;
  std::vector<DeviceDescription> descriptions;
  std::vector<std::unique_ptr<DriverDevice>> devices;
  std::vector<std::unique_ptr<ProbeJob>> jobs;
  std::atomic<std::uint64_t> ends{0};

 private:
  std::shared_ptr<const Model> model_;
};

TEST_F(VirtualCard, ComputesOnTheThreadThatWaits) {
  make("[[board]]\nname='a'");
  const auto instance = load();
  auto& one = job(std::byte{41}, Submitter::waits);
  instance->submit(one);
  EXPECT_TRUE(one.ended());
  EXPECT_EQ(host->handed, 0);
  EXPECT_EQ(one.output_memory[0][15], std::byte{42});
}

TEST_F(VirtualCard, ComputesElsewhereForOneThatContinues) {
  make("[[board]]\nname='a'");
  const auto instance = load();
  auto& one = job(std::byte{41});
  instance->submit(one);
  EXPECT_FALSE(one.ended());
  host->loop.run_until_idle();
  EXPECT_TRUE(one.ended());
  EXPECT_EQ(host->handed, 1);
  EXPECT_EQ(one.output_memory[0][0], std::byte{42});
}

TEST_F(VirtualCard, AnEndThatLeadsToTheNextSubmitNeedsNoHandOver) {
  make("[[board]]\nname='a'");
  const auto instance = load();
  for (int i = 0; i < 50; ++i) job(std::byte(i));
  for (std::size_t i = 0; i + 1 < jobs.size(); ++i) jobs[i]->then = [&, i] { instance->submit(*jobs[i + 1]); };
  instance->submit(*jobs[0]);
  host->loop.run_until_idle();
  EXPECT_TRUE(jobs.back()->ended());
  EXPECT_EQ(host->handed, 1);
  EXPECT_EQ(jobs.back()->output_memory[0][3], std::byte{50});
}

TEST_F(VirtualCard, ComputeNoneEndsInsideSubmitWithZeroPointsAndAllocatesNothing) {
  network.zero_point = -7;
  make("[[board]]\nname='a'\ncompute='none'");
  const auto instance = load();
  auto& first = job(std::byte{1}, Submitter::waits);
  auto& second = job(std::byte{1}, Submitter::continues);
  const auto before = allocations.load();
  instance->submit(first);
  instance->submit(second);
  EXPECT_EQ(allocations.load(), before);
  EXPECT_TRUE(first.ended() && second.ended());
  EXPECT_EQ(static_cast<int>(second.output_memory[0][5]), 256 - 7);
  EXPECT_EQ(host->loop.pending(), 0U);
}

TEST_F(VirtualCard, AFixedRateIsExact) {
  make("[[board]]\nname='a'\ncompute='none'\ntiming={fps=486}");
  const auto instance = load();
  constexpr std::size_t count = 486 * 20;
  for (std::size_t i = 0; i < count; ++i) job();
  for (std::size_t i = 0; i + 2 < count; ++i) {
    jobs[i]->then = [&, i] {
      jobs[i + 2]->queued = host->now();
      instance->submit(*jobs[i + 2]);
    };
  }
  const auto start = host->now();
  instance->submit(*jobs[0]);
  instance->submit(*jobs[1]);
  host->loop.run_until_idle();
  EXPECT_EQ(host->now() - start, std::chrono::seconds(20));
  EXPECT_EQ(jobs.back()->stamps.output_ended, host->now());
}

TEST_F(VirtualCard, AFixedRateAllocatesNothingAJob) {
  make("[[board]]\nname='a'\ncompute='none'\ntiming={fps=1000}");
  const auto instance = load();
  for (int i = 0; i < 8; ++i) job();
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (i == 4) before = allocations.load();
    instance->submit(*jobs[i]);
    host->loop.run_until_idle();
  }
  EXPECT_EQ(allocations.load(), before);
}

TEST_F(VirtualCard, AJobStartsWhenItComesUnlessItWaited) {
  make("[[board]]\nname='a'\ncompute='none'\ntiming={fps=1000}");
  const auto instance = load();
  const auto start = host->now();
  const auto ms = [](double value) { return Duration(static_cast<std::int64_t>(value * 1e6)); };
  auto& first = job();
  instance->submit(first);
  host->loop.run_until(start + ms(0.4));
  auto& waited = job();
  instance->submit(waited);
  host->loop.run_until(start + ms(5));
  auto& late = job();
  instance->submit(late);
  host->loop.run_until_idle();
  EXPECT_EQ(first.stamps.output_ended, start + ms(1));
  EXPECT_EQ(waited.stamps.input_started, start + ms(1));
  EXPECT_EQ(waited.stamps.output_ended, start + ms(2));
  EXPECT_EQ(late.stamps.input_started, start + ms(5));
  EXPECT_EQ(late.stamps.output_ended, start + ms(6));
}

TEST_F(VirtualCard, LateWakeUpsDoNotShiftTheSchedule) {
  make("[[board]]\nname='a'\ncompute='none'\ntiming={fps=1000}");
  host->late = std::chrono::microseconds(300);
  const auto instance = load();
  for (int i = 0; i < 100; ++i) job();
  for (std::size_t i = 0; i + 2 < jobs.size(); ++i) {
    jobs[i]->then = [&, i] {
      jobs[i + 2]->queued = host->now();
      instance->submit(*jobs[i + 2]);
    };
  }
  const auto start = host->now();
  instance->submit(*jobs[0]);
  instance->submit(*jobs[1]);
  host->loop.run_until_idle();
  EXPECT_EQ(jobs.back()->stamps.output_ended - start, std::chrono::milliseconds(100));
  EXPECT_EQ(host->now() - start, std::chrono::milliseconds(100) + host->late);
}

TEST_F(VirtualCard, ASlowerClockSlowsAFixedRate) {
  make("[[board]]\nname='a'\ncompute='none'\ntiming={fps=1000}\ncores=2");
  const auto instance = load(0, {0, 2});
  ASSERT_TRUE(devices[0]->configure({{800, 200}, {100, 100}}));
  const auto start = host->now();
  auto& one = job(std::byte{0}, Submitter::continues, 2);
  instance->submit(one);
  host->loop.run_until_idle();
  EXPECT_EQ(one.stamps.output_ended - start, std::chrono::milliseconds(4)) << "two frames on two cores, at the slower core's clock";
}

TEST_F(VirtualCard, AConfigurationTakesTheTimeThatIsSet) {
  make("[[board]]\nname='a'\ncompute='none'\ncores=1\nconfigure_s=2.5");
  const Configuration slow{{400}, {100}};
  EXPECT_EQ(*devices[0]->ready(), Readiness::ready);
  EXPECT_EQ(*devices[0]->configure(slow), Readiness::pending);
  host->loop.run_until(host->now() + std::chrono::milliseconds(2499));
  EXPECT_EQ(*devices[0]->configure(slow), Readiness::pending) << "said again it does not begin again";
  host->loop.run_until(host->now() + std::chrono::milliseconds(1));
  EXPECT_EQ(*devices[0]->ready(), Readiness::ready);
  EXPECT_EQ(*devices[0]->configure(slow), Readiness::ready);
  EXPECT_EQ(devices[0]->telemetry()->configuration, slow);
}

TEST_F(VirtualCard, AFixedRateWithOpenvinoComputesAndKeepsTheTime) {
  make("[[board]]\nname='a'\ntiming={fps=100}");
  const auto instance = load();
  const auto start = host->now();
  auto& one = job(std::byte{10}, Submitter::waits);
  instance->submit(one);
  EXPECT_FALSE(one.ended());
  host->loop.run_until_idle();
  EXPECT_EQ(one.stamps.output_ended - start, std::chrono::milliseconds(10));
  EXPECT_EQ(one.output_memory[0][0], std::byte{11});
  EXPECT_EQ(devices[0]->telemetry()->late_frames, 0U);
}

TEST_F(VirtualCard, ALateComputationEndsLateAndIsCounted) {
  network.work = 8;
  make("[[board]]\nname='a'\ntiming={fps=1000000}", std::make_shared<base::ThreadHost>());
  const auto instance = load();
  for (int i = 0; i < 3; ++i) {
    auto& one = job(std::byte{10});
    instance->submit(one);
    ASSERT_TRUE(used->wait(one.latch, used->now() + std::chrono::seconds(30)));
    EXPECT_TRUE(one.status.ok());
    EXPECT_EQ(one.output_memory[0][0], std::byte{11});
    EXPECT_GT(one.stamps.output_ended - one.stamps.input_started, std::chrono::microseconds(1));
  }
  EXPECT_GT(devices[0]->telemetry()->late_frames, 0U);
}

TEST_F(VirtualCard, AWaitingJobIsTakenBackAtOnce) {
  make("[[board]]\nname='a'\ncompute='none'\ntiming={fps=1000}");
  const auto instance = load();
  const auto start = host->now();
  auto& runs = job();
  auto& waits = job();
  instance->submit(runs);
  instance->submit(waits);
  instance->abandon(runs.ticket());
  EXPECT_FALSE(runs.ended()) << "a running one cannot be stopped";
  instance->abandon(waits.ticket());
  EXPECT_TRUE(waits.ended());
  EXPECT_EQ(waits.status.code(), Code::runtime_error);
  auto& next = job();
  instance->submit(next);
  host->loop.run_until_idle();
  EXPECT_EQ(next.stamps.output_ended, start + std::chrono::milliseconds(2));
}

TEST_F(VirtualCard, AJobThatWaitsForACpuIsTakenBack) {
  make("[[board]]\nname='a'");
  const auto instance = load();
  auto& one = job();
  auto& two = job();
  instance->submit(one);
  instance->submit(two);
  instance->abandon(two.ticket());
  EXPECT_TRUE(two.ended());
  host->loop.run_until_idle();
  EXPECT_TRUE(one.ended());
  EXPECT_TRUE(one.status.ok());
}

TEST_F(VirtualCard, NamesWhatThereIs) {
  make("[[board]]\nname='metis-0:1:0'\n[[board]]\nname='metis-0:3:0'");
  DeviceDescription device;
  device.name = "metis-0:9:0";
  const auto opened = driver->open(device);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message(), "there is no virtual device metis-0:9:0: there are metis-0:1:0, metis-0:3:0");
}

TEST_F(VirtualCard, RefusesCoresThatItHasNot) {
  make("[[board]]\nname='a'\ncores=2");
  for (const CoreRange cores : {CoreRange{0, 0}, CoreRange{2, 1}, CoreRange{1, 2}, CoreRange{1, ~0U}}) {
    const auto loaded = devices[0]->load(model(), {cores});
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), Code::invalid_argument);
  }
}

TEST_F(VirtualCard, RefusesSettingsForAnotherNumberOfCores) {
  make("[[board]]\nname='a'\ncores=2");
  EXPECT_EQ(devices[0]->configure({{800}, {100}}).error().code(), Code::value_error);
  EXPECT_EQ(devices[0]->telemetry()->configuration.clock_mhz, (std::vector<unsigned>{800, 800}));
}

TEST_F(VirtualCard, ManyInstancesOnThreadsGiveTheirOwnAnswers) {
  make("[[board]]\nname='a'\n[[board]]\nname='b'", std::make_shared<base::ThreadHost>());
  constexpr int rounds = 60;
  std::vector<std::unique_ptr<DriverInstance>> instances;
  for (unsigned i = 0; i < 8; ++i) instances.push_back(load(i / 4, {i % 4, 1}));
  for (int i = 0; i < 8 * rounds; ++i) job(std::byte(i % 100), i % 3 == 0 ? Submitter::continues : Submitter::waits);
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 8; ++worker) {
    workers.emplace_back([&, worker] {
      for (int round = 0; round < rounds; ++round) {
        auto& one = *jobs[static_cast<std::size_t>(round * 8 + worker)];
        instances[static_cast<std::size_t>(worker)]->submit(one);
        used->wait(one.latch, TimePoint::max());
      }
    });
  }
  for (auto& worker : workers) worker.join();
  for (const auto& one : jobs) {
    ASSERT_TRUE(one->ended() && one->status.ok()) << one->status.to_string();
    const auto wanted = static_cast<std::byte>(static_cast<int>(one->input_memory[0][0]) + 1);
    ASSERT_EQ(one->output_memory[0][7], wanted);
  }
}

}  // namespace

}  // namespace polymetis
