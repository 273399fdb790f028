#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "polymetis/driver.hpp"

/// A scripted driver for tests. Everything that it does is in one `FakeControl`, which the test holds; each output is filled with the first
/// byte of the first input, row by row.
namespace polymetis::device::testing {

/// What becomes of one job.
struct Outcome {
  enum class When { inside, later, when_abandoned, never };
  When when = When::inside;
  Duration after{0};  ///< for `later`
  Status status;
  unsigned answers = 1;  ///< more: it answers again with the same ticket
};

struct FakeControl {
  // set before use
  std::vector<DeviceDescription> devices;
  InstanceTraits traits;
  Status list_status, open_status, load_status, configure_status;
  Readiness readiness = Readiness::ready;

  // guarded by `mutex`
  std::mutex mutex;
  std::deque<Outcome> script;  ///< one a job; when empty, `otherwise`
  Outcome otherwise;
  std::vector<Ticket> held;  ///< of jobs that never end by themselves
  std::map<std::string, Configuration> configurations;
  std::function<void(const DeviceChange&)> listener;

  // own synchronisation
  std::atomic<bool> scripted{false};  ///< whether `script` and `otherwise` are looked at; else every job ends inside `submit`
  std::atomic<int> calls_inside{0};
  std::atomic<unsigned> overlaps{0};  ///< calls that came while another was going on
  std::atomic<unsigned> submitted{0}, abandoned{0}, opened{0}, loaded{0}, unloaded{0}, waiting_submitters{0}, too_late{0};

  void plan(std::deque<Outcome> outcomes, Outcome then = {}) {
    const std::lock_guard lock(mutex);
    script = std::move(outcomes);
    otherwise = std::move(then);
    scripted = true;
  }
  Outcome next() {
    const std::lock_guard lock(mutex);
    if (script.empty()) return otherwise;
    Outcome outcome = script.front();
    script.pop_front();
    return outcome;
  }
  /// Ends the oldest job that is held; false: none is.
  bool end_held(const Status& status = {}, TimePoint now = TimePoint(std::chrono::hours(2))) {
    std::unique_lock lock(mutex);
    if (held.empty()) return false;
    const Ticket ticket = held.front();
    held.erase(held.begin());
    lock.unlock();
    if (ticket.end(status, {now, now, now, now, now}) == Answer::too_late) ++too_late;
    return true;
  }
};

/// One call of the driver: finds those that are not one at a time.
class CallGuard {
 public:
  explicit CallGuard(FakeControl& control) : control_(control) {
    if (control_.calls_inside.fetch_add(1) != 0) ++control_.overlaps;
  }
  ~CallGuard() { control_.calls_inside.fetch_sub(1); }
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;

 private:
  FakeControl& control_;
};

class FakeInstance final : public DriverInstance {
 public:
  FakeInstance(std::shared_ptr<FakeControl> control, std::shared_ptr<Host> host) : control_(std::move(control)), host_(std::move(host)) {}
  ~FakeInstance() override { ++control_->unloaded; }

  [[nodiscard]] InstanceTraits traits() const noexcept override { return control_->traits; }
  void submit(Job& job) noexcept override {
    const CallGuard guard(*control_);
    control_->submitted.fetch_add(1, std::memory_order_relaxed);
    if (job.submitter == Submitter::waits) control_->waiting_submitters.fetch_add(1, std::memory_order_relaxed);
    if (!control_->scripted.load(std::memory_order_relaxed)) return end_inside(job, {});
    const Outcome outcome = control_->next();
    if (outcome.when == Outcome::When::inside) return end_inside(job, outcome);
    fill(job);  // before it is handed to anybody who could end it
    if (outcome.when == Outcome::When::later) return end_later(job, outcome);
    const std::lock_guard lock(control_->mutex);
    control_->held.push_back(job.ticket());
    if (outcome.when == Outcome::When::when_abandoned) recallable_.push_back(job.ticket());
  }
  void abandon(Ticket ticket) noexcept override {
    const CallGuard guard(*control_);
    ++control_->abandoned;
    {
      const std::lock_guard lock(control_->mutex);
      const auto found = std::find(recallable_.begin(), recallable_.end(), ticket);
      if (found == recallable_.end()) return;
      recallable_.erase(found);
      std::erase(control_->held, ticket);
    }
    const TimePoint now = host_->now();
    static_cast<void>(ticket.end(Status(Code::runtime_error, "abandoned"), {now, now, now, now, now}));
  }

 private:
  static void fill(Job& job) noexcept {
    if (job.inputs.empty()) return;
    const Buffer& input = job.inputs.front();
    const std::size_t row = input.size_bytes / job.rows;
    for (const Buffer& output : job.outputs) {
      const std::size_t size = output.size_bytes / job.rows;
      for (std::size_t i = 0; i < job.rows; ++i) std::memset(output.data + i * size, static_cast<int>(input.data[i * row]), size);
    }
  }
  void end_inside(Job& job, const Outcome& outcome) noexcept {
    fill(job);
    const TimePoint now = host_->now();
    answer(job.ticket(), outcome, {job.queued, now, now, now, now});
  }
  void end_later(Job& job, const Outcome& outcome) noexcept {
    const TimePoint queued = job.queued;
    const TimePoint end = host_->now() + outcome.after;
    host_->call_at(end, make_task([control = control_, ticket = job.ticket(), outcome, queued, end]() noexcept {
                     answer_with(*control, ticket, outcome, {queued, queued, queued, end, end});
                   }));
  }
  void answer(const Ticket& ticket, const Outcome& outcome, const Stamps& stamps) noexcept { answer_with(*control_, ticket, outcome, stamps); }
  static void answer_with(FakeControl& control, const Ticket& ticket, const Outcome& outcome, const Stamps& stamps) noexcept {
    for (unsigned i = 0; i < outcome.answers; ++i) {
      if (ticket.end(outcome.status, stamps) == Answer::too_late) control.too_late.fetch_add(1, std::memory_order_relaxed);
    }
  }

  std::shared_ptr<FakeControl> control_;
  std::shared_ptr<Host> host_;
  std::vector<Ticket> recallable_;
};

class FakeDevice final : public DriverDevice {
 public:
  FakeDevice(std::shared_ptr<FakeControl> control, std::shared_ptr<Host> host, DeviceDescription description)
      : control_(std::move(control)), host_(std::move(host)), description_(std::move(description)) {}

  Expected<std::unique_ptr<DriverInstance>> load(std::shared_ptr<const Model>, const LoadOptions&) override {
    ++control_->loaded;
    if (!control_->load_status.ok()) return Unexpected(control_->load_status);
    return std::make_unique<FakeInstance>(control_, host_);
  }
  Expected<Readiness> configure(const Configuration& configuration) override {
    if (!control_->configure_status.ok()) return Unexpected(control_->configure_status);
    const std::lock_guard lock(control_->mutex);
    control_->configurations[description_.name] = configuration;
    return control_->readiness;
  }
  Expected<Readiness> ready() override { return control_->readiness; }
  Expected<Telemetry> telemetry() override {
    const std::lock_guard lock(control_->mutex);
    Telemetry telemetry;
    telemetry.configuration = control_->configurations[description_.name];
    if (telemetry.configuration.clock_mhz.empty()) {
      telemetry.configuration.clock_mhz.assign(description_.core_count, 800);
      telemetry.configuration.mvm_utilisation.assign(description_.core_count, 100);
    }
    return telemetry;
  }

 private:
  std::shared_ptr<FakeControl> control_;
  std::shared_ptr<Host> host_;
  DeviceDescription description_;
};

class FakeDriver final : public Driver {
 public:
  FakeDriver(std::shared_ptr<FakeControl> control, std::shared_ptr<Host> host) : control_(std::move(control)), host_(std::move(host)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "fake"; }
  Expected<std::vector<DeviceDescription>> list() override {
    if (!control_->list_status.ok()) return Unexpected(control_->list_status);
    return control_->devices;
  }
  Expected<std::unique_ptr<DriverDevice>> open(const DeviceDescription& device) override {
    ++control_->opened;
    if (!control_->open_status.ok()) return Unexpected(control_->open_status);
    return std::make_unique<FakeDevice>(control_, host_, device);
  }
  void watch(std::function<void(const DeviceChange&)> listener) override {
    const std::lock_guard lock(control_->mutex);
    control_->listener = std::move(listener);
  }

 private:
  std::shared_ptr<FakeControl> control_;
  std::shared_ptr<Host> host_;
};

/// A card with `cores` cores and a gigabyte.
inline DeviceDescription fake_card(std::string name, unsigned cores = 4, Reality reality = Reality::real) {
  DeviceDescription card;
  card.name = std::move(name);
  card.board = card.name;
  card.board_type = BoardType::pcie;
  card.reality = reality;
  card.core_count = cores;
  card.memory_bytes = std::uint64_t{1} << 30;
  card.firmware_version = "fake 1";
  card.clocks_mhz = {100, 200, 300, 400, 500, 600, 700, 800};
  card.origin = "a test";
  return card;
}

}  // namespace polymetis::device::testing
