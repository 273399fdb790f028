#include "conformance/suite.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "conformance/probe.hpp"
#include "conformance/test_package.hpp"

// The suite itself: what it is for is to fail.

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Conformance);

namespace polymetis {

namespace conformance {

namespace {

/// A sound driver whose jobs one thing is wrong with.
enum class Defect { none, ends_twice, forgets_a_job, wrong_order, writes_late, stamps_backwards, wrong_answer, list_changes, fails };

class BadInstance final : public DriverInstance {
 public:
  BadInstance(Defect defect, std::shared_ptr<Host> host) : defect_(defect), host_(std::move(host)) {}
  [[nodiscard]] InstanceTraits traits() const noexcept override { return {.depth = 2}; }
  void submit(Job& job) noexcept override {
    const auto now = host_->now();
    Stamps stamps{job.queued, now, now, now, now};
    if (defect_ == Defect::forgets_a_job && ++jobs_ == 3) return;
    if (defect_ == Defect::stamps_backwards) stamps.compute_ended = now - std::chrono::milliseconds(1);
    for (std::size_t i = 0; i < job.outputs.size(); ++i) {
      for (std::size_t b = 0; b < job.outputs[i].size_bytes; ++b) {
        job.outputs[i].data[b] = static_cast<std::byte>(static_cast<int>(job.inputs[0].data[b]) + (defect_ == Defect::wrong_answer ? 2 : 1));
      }
    }
    if (defect_ == Defect::wrong_order && held_ == nullptr) {
      held_ = &job;
      host_->call_at(now + std::chrono::milliseconds(1), {[](void* self) noexcept { static_cast<BadInstance*>(self)->end_held(); }, this});
      return;
    }
    if (defect_ == Defect::writes_late) {
      late_ = job.outputs[0].data;
      host_->call_at(now + std::chrono::milliseconds(2), {[](void* self) noexcept { *static_cast<BadInstance*>(self)->late_ = std::byte{0}; }, this});
    }
    const auto ticket = job.ticket();
    const Status status = defect_ == Defect::fails ? Status(Code::runtime_error, "it failed") : Status();
    ticket.end(status, stamps);
    if (defect_ == Defect::ends_twice) ticket.end(status, stamps);
  }

 private:
  void end_held() noexcept {
    Job* job = std::exchange(held_, nullptr);
    const auto now = host_->now();
    job->ticket().end({}, {job->queued, now, now, now, now});
  }
  const Defect defect_;
  const std::shared_ptr<Host> host_;
  int jobs_ = 0;
  Job* held_ = nullptr;
  std::byte* late_ = nullptr;
};

class BadDevice final : public DriverDevice {
 public:
  BadDevice(Defect defect, std::shared_ptr<Host> host) : defect_(defect), host_(std::move(host)) {}
  Expected<std::unique_ptr<DriverInstance>> load(std::shared_ptr<const Model>, const LoadOptions&) override {
    return std::make_unique<BadInstance>(defect_, host_);
  }
  Expected<Readiness> configure(const Configuration& configuration) override { return configuration_ = configuration, Readiness::ready; }
  Expected<Telemetry> telemetry() override { return Telemetry{.configuration = configuration_}; }

 private:
  const Defect defect_;
  const std::shared_ptr<Host> host_;
  Configuration configuration_{{800}, {100}};
};

class BadDriver final : public Driver {
 public:
  BadDriver(Defect defect, std::shared_ptr<Host> host) : defect_(defect), host_(std::move(host)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "bad"; }
  Expected<std::vector<DeviceDescription>> list() override {
    DeviceDescription device;
    device.name = device.board = defect_ == Defect::list_changes && ++lists_ > 2 ? "b" : "a";
    device.core_count = 1;
    return std::vector{device};
  }
  Expected<std::unique_ptr<DriverDevice>> open(const DeviceDescription& device) override {
    if (device.name.size() != 1) return failure(Code::invalid_argument, "there is no such device");
    return std::make_unique<BadDevice>(defect_, host_);
  }

 private:
  const Defect defect_;
  const std::shared_ptr<Host> host_;
  int lists_ = 0;
};

Subject subject(Defect defect) {
  static const testing::TemporaryFolder folder;
  static const std::shared_ptr<const Model> model = *Model::load(testing::write_test_package(folder.path()));
  Subject subject;
  subject.name = "bad";
  subject.hosts = {HostKind::virtual_time};
  subject.make = [defect](std::shared_ptr<Host> host) -> Expected<std::unique_ptr<Driver>> {
    return std::make_unique<BadDriver>(defect, std::move(host));
  };
  subject.model = [] { return model; };
  subject.answer = [](std::span<const std::byte> input) {
    std::vector<std::byte> result;
    for (const auto byte : input) result.push_back(static_cast<std::byte>(static_cast<int>(byte) + 1));
    return result;
  };
  return subject;
}

std::set<std::string> failing(const Subject& subject) {
  std::set<std::string> names;
  for (const auto& one : cases(subject)) {
    if (!verdict(one).empty()) names.insert(one.check->name);
  }
  return names;
}

TEST(ConformanceSuite, ASoundDriverPassesAll) { EXPECT_EQ(failing(subject(Defect::none)), std::set<std::string>()); }

TEST(ConformanceSuite, EachDefectIsFound) {
  const std::map<Defect, std::string> found_by = {{Defect::ends_twice, "ends_only_once"},           {Defect::forgets_a_job, "ends_for_who_continues"},
                                                  {Defect::wrong_order, "holds_its_depth"},         {Defect::writes_late, "lets_go_of_buffers"},
                                                  {Defect::stamps_backwards, "stamps_are_ordered"}, {Defect::wrong_answer, "answers_are_right"},
                                                  {Defect::list_changes, "list_is_cheap"},          {Defect::fails, "ends_for_who_waits"}};
  for (const auto& [defect, check] : found_by) {
    if (defect == Defect::list_changes) {
      EXPECT_TRUE(failing(subject(defect)).contains("list_is_stable"));
      continue;
    }
    EXPECT_TRUE(failing(subject(defect)).contains(check)) << check;
  }
}

TEST(ConformanceSuite, AnExpectedFailureIsTakenAndAnUnexpectedPassIsNot) {
  auto wrong = subject(Defect::wrong_answer);
  wrong.expectations = {{"answers_are_right", Expectation::Kind::expected_failure, "it adds two"},
                        {"rows_are_parts", Expectation::Kind::expected_failure, "it adds two"}};
  EXPECT_EQ(failing(wrong), std::set<std::string>());
  auto sound = subject(Defect::none);
  sound.expectations = wrong.expectations;
  EXPECT_EQ(failing(sound), (std::set<std::string>{"answers_are_right", "rows_are_parts"}));
}

TEST(ConformanceSuite, UnsupportedMeansNotImplemented) {
  auto fails = subject(Defect::fails);
  fails.expectations = {{"ends_for_who_waits", Expectation::Kind::unsupported, "it never will"}};
  EXPECT_TRUE(failing(fails).contains("ends_for_who_waits")) << "it failed, but in another way";
}

}  // namespace

}  // namespace conformance

}  // namespace polymetis
