#include "faulty/faulty.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/loop_host.hpp"
#include "base/thread_host.hpp"
#include "conformance/probe.hpp"
#include "conformance/test_package.hpp"

namespace polymetis {

extern const DriverFactory virtual_driver;

namespace faulty {

namespace {

using conformance::ProbeJob;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Two cards of 1000 frames a second behind faults, in virtual time.
class Faulty : public ::testing::Test {
 protected:
  void make(std::vector<Fault> faults, std::uint64_t seed = 1) {
    std::ofstream(folder.path() / "t.toml") << "[defaults]\ncompute='none'\ntiming={fps=1000}\n[[board]]\nname='a:0'\n[[board]]\nname='b:0'\n";
    auto inner = virtual_driver.create({.host = loop, .topology = folder.path() / "t.toml"});
    ASSERT_TRUE(inner) << inner.error().to_string();
    driver = faulty(std::move(*inner), {std::move(faults), seed}, loop);
    start = loop->now();
    driver->watch(
        [this](const DeviceChange& change) { changes.push_back((change.kind == DeviceChange::Kind::lost ? "lost " : "back ") + change.device); });
  }
  void open(const std::string& name = "a:0") {
    DeviceDescription description;
    description.name = name;
    device = std::move(driver->open(description).value());
    instance = std::move(device->load(model(), {{0, 1}}).value());
  }
  std::shared_ptr<const Model> model() {
    if (!model_) model_ = *Model::load(testing::write_test_package(folder.path() / "package"));
    return model_;
  }
  ProbeJob& job(std::byte fill = std::byte{3}) {
    jobs.push_back(std::make_unique<ProbeJob>(*model(), 1, fill, loop->now(), Submitter::continues));
    jobs.back()->counter = &ends;
    return *jobs.back();
  }
  ProbeJob& run(std::byte fill = std::byte{3}) {
    auto& one = job(fill);
    instance->submit(one);
    loop->run_until_idle();
    return one;
  }
  ProbeJob& submit(std::byte fill = std::byte{3}) {
    auto& one = job(fill);
    instance->submit(one);
    return one;
  }
  /// How the next `count` jobs end: '.' well, 'x' not.
  std::string pattern(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += run().status.ok() ? '.' : 'x';
    return text;
  }
  void to(Duration when) { loop->run_until(start + when); }
  std::vector<std::string> names() {
    std::vector<std::string> result;
    const auto devices = driver->list();
    for (const auto& description : devices.value()) result.push_back(description.name);
    return result;
  }

  testing::TemporaryFolder folder;
  std::shared_ptr<base::LoopHost> loop = std::make_shared<base::LoopHost>();
  std::unique_ptr<Driver> driver;
  std::unique_ptr<DriverDevice> device;
  std::vector<std::unique_ptr<ProbeJob>> jobs;
  std::unique_ptr<DriverInstance> instance;
  std::atomic<std::uint64_t> ends{0};
  std::vector<std::string> changes;
  TimePoint start;

 private:
  std::shared_ptr<const Model> model_;
};

TEST_F(Faulty, WithoutFaultsNothingChanges) {
  make({});
  open();
  EXPECT_EQ(pattern(5), ".....");
  EXPECT_EQ(jobs.back()->stamps.output_ended - start, milliseconds(5));
  EXPECT_EQ(driver->name(), "virtual");
}

TEST_F(Faulty, ErrorsStrikeByCount) {
  make({{.kind = FaultKind::error, .devices = {"a-0"}, .at_job = 3, .jobs = 2}});
  open();
  EXPECT_EQ(pattern(6), "..xx..");
  EXPECT_EQ(jobs[2]->status.code(), Code::runtime_error);
  EXPECT_EQ(jobs[2]->stamps.output_ended - jobs[2]->stamps.queued, milliseconds(1)) << "when the answer was due";
}

TEST_F(Faulty, ErrorsStrikeInATime) {
  make({{.kind = FaultKind::memory_error, .at = milliseconds(2), .lasts = milliseconds(3)}});
  open();
  EXPECT_EQ(pattern(7), "..xxx..");
}

TEST_F(Faulty, ErrorsStrikeByChanceAndTheSameAgain) {
  std::vector<std::string> patterns;
  for (const std::uint64_t seed : {5U, 5U, 6U}) {
    make({{.kind = FaultKind::error, .probability = 0.3}}, seed);
    open();
    patterns.push_back(pattern(200));
    instance.reset();
  }
  EXPECT_EQ(patterns[0], patterns[1]);
  EXPECT_NE(patterns[0], patterns[2]);
  const auto struck = std::count(patterns[0].begin(), patterns[0].end(), 'x');
  EXPECT_GT(struck, 30);
  EXPECT_LT(struck, 90);
}

TEST_F(Faulty, OnlyTheNamedDeviceIsStruck) {
  make({{.kind = FaultKind::error, .devices = {"b:0"}}});
  open("a:0");
  EXPECT_EQ(pattern(3), "...");
  instance.reset();
  open("b:0");
  EXPECT_EQ(pattern(3), "xxx");
}

TEST_F(Faulty, AFrameHurtsEveryCardThatItMeets) {
  make({{.kind = FaultKind::error, .input_starts_with = {std::byte{9}, std::byte{9}}}});
  for (const auto* name : {"a:0", "b:0"}) {
    instance.reset();
    open(name);
    EXPECT_FALSE(run(std::byte{9}).status.ok());
    EXPECT_TRUE(run(std::byte{8}).status.ok());
  }
}

TEST_F(Faulty, AFailedTransferFailsAtOnce) {
  make({{.kind = FaultKind::transfer_failed, .jobs = 1}, {.kind = FaultKind::transfer_aborted, .at_job = 2, .jobs = 1}});
  open();
  auto& first = submit();
  EXPECT_TRUE(first.ended());
  EXPECT_EQ(first.status.code(), Code::connection_error);
  auto& second = run();
  EXPECT_EQ(second.status.code(), Code::connection_error);
  EXPECT_EQ(loop->now() - start, milliseconds(1));
  EXPECT_TRUE(run().status.ok());
}

TEST_F(Faulty, ADeviceIsLostAndComesBack) {
  make({{.kind = FaultKind::lost, .devices = {"a:0"}, .at = milliseconds(10), .lasts = milliseconds(20)}});
  open();
  EXPECT_EQ(names(), (std::vector<std::string>{"a:0", "b:0"}));
  to(Duration(milliseconds(9)) + std::chrono::microseconds(500));
  auto& inside = submit();
  to(milliseconds(15));
  EXPECT_TRUE(inside.ended());
  EXPECT_EQ(inside.status.code(), Code::connection_error);
  EXPECT_EQ(names(), std::vector<std::string>{"b:0"});
  EXPECT_EQ(changes, std::vector<std::string>{"lost a:0"});
  auto& refused = submit();
  EXPECT_TRUE(refused.ended());
  EXPECT_EQ(refused.status.message(), "device a:0 is lost");
  EXPECT_EQ(device->telemetry().error().code(), Code::connection_error);
  DeviceDescription description;
  description.name = "a:0";
  EXPECT_EQ(driver->open(description).error().code(), Code::connection_error);
  to(milliseconds(31));
  EXPECT_EQ(changes, (std::vector<std::string>{"lost a:0", "back a:0"}));
  EXPECT_EQ(names().size(), 2U);
  EXPECT_EQ(submit().status.message(), "device a:0 was lost and is back: open it and load the model again");
  instance.reset();
  open();
  EXPECT_TRUE(run().status.ok());
}

TEST_F(Faulty, ABoardIsLostTogether) {
  make({{.kind = FaultKind::lost, .devices = {"a:0", "b:0"}, .at_job = 2}});
  open();
  EXPECT_EQ(pattern(3), ".xx");
  EXPECT_TRUE(names().empty());
  EXPECT_EQ(changes, (std::vector<std::string>{"lost a:0", "lost b:0"}));
}

TEST_F(Faulty, FlappingGoesOn) {
  make({{.kind = FaultKind::flapping, .devices = {"a:0"}, .at = milliseconds(10), .lasts = milliseconds(2), .every = milliseconds(10)}});
  to(milliseconds(35));
  EXPECT_EQ(changes, (std::vector<std::string>{"lost a:0", "back a:0", "lost a:0", "back a:0", "lost a:0", "back a:0"}));
}

TEST_F(Faulty, ALinkThatFlapsKeepsWhatIsLoaded) {
  make({{.kind = FaultKind::link_flap, .at = milliseconds(10), .lasts = milliseconds(5)}});
  open();
  to(milliseconds(12));
  EXPECT_EQ(submit().status.message(), "the link to device a:0 is down");
  EXPECT_EQ(names().size(), 2U);
  to(milliseconds(15));
  EXPECT_TRUE(run().status.ok());
  EXPECT_TRUE(changes.empty());
}

TEST_F(Faulty, AHungJobEndsWhenItIsAbandoned) {
  make({{.kind = FaultKind::hang, .jobs = 1}});
  open();
  auto& hung = submit();
  auto& behind = submit();
  to(seconds(100));
  EXPECT_FALSE(hung.ended());
  EXPECT_FALSE(behind.ended()) << "answers come in order";
  instance->abandon(hung.ticket());
  EXPECT_TRUE(hung.ended());
  EXPECT_FALSE(hung.status.ok());
  EXPECT_TRUE(behind.ended());
  EXPECT_TRUE(behind.status.ok());
  EXPECT_EQ(hung.ends, 1);
}

TEST_F(Faulty, AJobThatHangsForAWhileAnswersAfterIt) {
  make({{.kind = FaultKind::hang, .jobs = 1, .holds = seconds(2)}});
  open();
  auto& hung = run();
  EXPECT_TRUE(hung.status.ok());
  EXPECT_EQ(loop->now() - start, seconds(2) + milliseconds(1));
  EXPECT_EQ(hung.stamps.output_ended, loop->now());
}

TEST_F(Faulty, AHungJobFailsWhenItsDeviceIsLost) {
  make({{.kind = FaultKind::hang, .jobs = 1}, {.kind = FaultKind::lost, .at = seconds(1)}});
  open();
  auto& hung = submit();
  to(seconds(2));
  ASSERT_TRUE(hung.ended());
  EXPECT_EQ(hung.status.code(), Code::connection_error);
}

TEST_F(Faulty, TheDeviceTimesOut) {
  make({{.kind = FaultKind::timeout, .jobs = 1, .holds = milliseconds(250)}});
  open();
  auto& one = run();
  EXPECT_EQ(one.status.message(), "the device timed out");
  EXPECT_EQ(loop->now() - start, milliseconds(250));
}

TEST_F(Faulty, SlowTakesLongerAndLongerForOneThatWaited) {
  make({{.kind = FaultKind::slow, .factor = 10}});
  open();
  auto& first = submit();
  auto& second = submit();
  loop->run_until_idle();
  EXPECT_EQ(first.stamps.output_ended - start, milliseconds(10));
  EXPECT_EQ(second.stamps.output_ended - start, milliseconds(20));
  EXPECT_EQ(loop->now() - start, milliseconds(20));
}

TEST_F(Faulty, CorruptEndsWellWithWrongBytes) {
  make({{.kind = FaultKind::corrupt, .at_job = 2, .jobs = 1}});
  open();
  const auto clean = run().output_memory;
  auto& wrong = run();
  EXPECT_TRUE(wrong.status.ok());
  EXPECT_NE(wrong.output_memory, clean);
  EXPECT_EQ(run().output_memory, clean);
}

TEST_F(Faulty, AnswersTwice) {
  make({{.kind = FaultKind::answers_twice, .jobs = 1}});
  open();
  EXPECT_EQ(run().ends, 2);
  EXPECT_EQ(run().ends, 1);
}

TEST_F(Faulty, AnswersAfterItWasAbandoned) {
  make({{.kind = FaultKind::answers_after_abandon, .jobs = 1, .holds = milliseconds(30)}});
  open();
  auto& one = submit();
  to(seconds(1));
  EXPECT_FALSE(one.ended());
  instance->abandon(one.ticket());
  EXPECT_FALSE(one.ended());
  loop->run_until_idle();
  EXPECT_TRUE(one.status.ok());
  EXPECT_EQ(loop->now() - start, seconds(1) + milliseconds(30));
}

TEST_F(Faulty, TheFirstFaultOfTheListStrikes) {
  make({{.kind = FaultKind::transfer_failed, .jobs = 1}, {.kind = FaultKind::error}});
  open();
  EXPECT_EQ(run().status.code(), Code::connection_error);
  EXPECT_EQ(run().status.code(), Code::runtime_error);
}

TEST_F(Faulty, GoesAwayWithFaultsPending) {
  make({{.kind = FaultKind::lost, .at = seconds(1)}, {.kind = FaultKind::flapping, .at = seconds(2)}});
  driver.reset();
  loop->run_until_idle();
  EXPECT_TRUE(changes.empty());
}

TEST_F(Faulty, TheTopologyNamesFaults) {
  std::ofstream(folder.path() / "f.toml") << "[[board]]\nname='x'\ncompute='none'\n[[board.fault]]\nkind='error'\nat_job=2\n";
  auto made = virtual_driver.create({.host = loop, .topology = folder.path() / "f.toml"});
  ASSERT_TRUE(made);
  driver = std::move(*made);
  open("x");
  EXPECT_EQ(pattern(3), ".xx");
}

/// With faults that never strike, over threads too, the wrapper is a driver as any other.
std::vector<conformance::Case> cases() {
  const auto folder = std::make_shared<testing::TemporaryFolder>();
  const std::shared_ptr<const Model> model = *Model::load(testing::write_test_package(folder->path() / "package"));
  std::ofstream(folder->path() / "t.toml") << "[[board]]\nname='metis-0:1:0'\ntiming={fps=5000}\n";
  conformance::Subject subject;
  subject.name = "faulty";
  subject.make = [folder](std::shared_ptr<Host> host) -> Expected<std::unique_ptr<Driver>> {
    auto inner = virtual_driver.create({.host = host, .topology = folder->path() / "t.toml"});
    if (!inner) return inner;
    return faulty(std::move(*inner), {{{.kind = FaultKind::error, .at_job = 1'000'000}, {.kind = FaultKind::slow, .factor = 3}}, 1}, std::move(host));
  };
  subject.model = [model] { return model; };
  return conformance::cases(subject);
}

INSTANTIATE_TEST_SUITE_P(Slow, Conformance, ::testing::ValuesIn(cases()), conformance::case_name);

}  // namespace

}  // namespace faulty

}  // namespace polymetis
