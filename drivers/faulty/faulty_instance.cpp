#include "faulty/faulty_instance.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "faulty/faulty.hpp"

// How a fault is played: the inner driver runs the job as always, on a job of ours that stands for the caller's, and its answer is changed, delayed,
// held back or repeated on the way out. So a job's memory is never let go while the inner driver still works on it, and no fault needs a call into
// the inner driver that the runtime did not make.

namespace polymetis::faulty {

namespace {

Status as_fault(FaultKind kind) {
  switch (kind) {
    case FaultKind::timeout:
      return {Code::runtime_error, "the device timed out"};
    case FaultKind::transfer_failed:
      return {Code::connection_error, "a transfer to the device failed"};
    case FaultKind::transfer_aborted:
      return {Code::connection_error, "a transfer from the device was aborted"};
    case FaultKind::memory_error:
      return {Code::runtime_error, "the device's memory has an error that cannot be corrected"};
    case FaultKind::hang:
      return {Code::runtime_error, "the job hung and was given up"};
    default:
      return {Code::runtime_error, "the run failed on the device"};
  }
}

/// A job of the inner driver that stands for the caller's. The fields below the line are guarded by the mutex of the state.
class Relay final : public Job {
 public:
  explicit Relay(JobSink& sink) : Job(sink) {}

  void begin(Job& asked) noexcept {
    inputs = asked.inputs;
    outputs = asked.outputs;
    rows = asked.rows;
    submitter = asked.submitter;
    queued = asked.queued;
    ++number_;
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

  // ---
  bool used = false;
  std::uint64_t sequence = 0;  // of submission
  Ticket caller;
  Strike strike;
  bool answered = false;  // by the inner driver
  bool abandoned = false;
  bool held = false;   // until released
  bool ready = false;  // may end
  Status status;
  Stamps stamps;
  std::unique_ptr<Alarm> alarm;
};

/// Shared, as the instance may be destroyed as soon as its last ticket has ended.
class State final : public JobSink, public DownListener, public std::enable_shared_from_this<State> {
 public:
  State(std::shared_ptr<Injector> injector, std::shared_ptr<Health> health, unsigned life, unsigned depth)
      : injector_(std::move(injector)), health_(std::move(health)), life_(life) {
    for (unsigned i = 0; i < depth; ++i) relays_.push_back(std::make_unique<Relay>(*this));
  }

  /// The job to hand on, or null: it has ended.
  Relay* begin(Job& job) noexcept {
    const auto strike = injector_->strike(*health_, job.inputs);
    Status status = health_->status(life_);
    if (status.ok() && strike.fault != nullptr && strike.fault->kind == FaultKind::transfer_failed) status = as_fault(strike.fault->kind);
    const std::lock_guard lock(mutex_);
    const auto free = std::find_if(relays_.begin(), relays_.end(), [](const auto& relay) { return !relay->used; });
    if (status.ok() && free == relays_.end()) status = {Code::internal_error, "a job was submitted while as many were inside as the instance holds"};
    if (!status.ok()) return refused_ = std::move(status), nullptr;
    Relay& relay = **free;
    relay.begin(job);
    relay.used = true;
    relay.sequence = ++sequence_;
    relay.caller = job.ticket();
    relay.strike = strike;
    relay.answered = relay.abandoned = relay.held = relay.ready = false;
    return &relay;
  }
  Status take_refused() noexcept {
    const std::lock_guard lock(mutex_);
    return std::exchange(refused_, {});
  }

  /// The relay of `ticket`, to be abandoned at the inner driver too; null where that has answered.
  Relay* abandon(const Ticket& ticket) noexcept {
    const auto self = shared_from_this();
    std::unique_lock lock(mutex_);
    Relay* relay = find(ticket);
    if (relay == nullptr) return nullptr;
    relay->abandoned = true;
    if (!relay->answered) return relay;
    if (relay->held) let_go(*relay);
    release(lock);
    return nullptr;
  }

  Answer job_ended(Job& job, std::uint64_t number, const Status& status, const Stamps& stamps) noexcept override {
    const auto self = shared_from_this();
    auto& relay = static_cast<Relay&>(job);
    std::unique_lock lock(mutex_);
    if (!relay.used || relay.answered || relay.number() != number) return Answer::too_late;
    relay.answered = true;
    relay.status = status;
    relay.stamps = stamps;
    strike(relay);
    release(lock);
    return Answer::taken;
  }

  void device_down() noexcept override {
    const auto self = shared_from_this();
    std::unique_lock lock(mutex_);
    for (auto& relay : relays_) {
      if (!relay->used || !relay->answered) continue;  // what the inner driver still works on ends when it has let go
      set_failed(*relay, health_->status(life_));
    }
    release(lock);
  }

 private:
  Relay* find(const Ticket& ticket) noexcept {
    for (auto& relay : relays_) {
      if (relay->used && relay->caller == ticket) return relay.get();
    }
    return nullptr;
  }

  void set_ready(Relay& relay) noexcept {
    relay.held = false;
    relay.ready = true;
    relay.alarm.reset();
  }
  void set_failed(Relay& relay, Status status) noexcept {
    if (!status.ok()) relay.status = std::move(status);
    set_ready(relay);
  }
  void set_ended(Relay& relay, TimePoint when) noexcept {
    relay.stamps.output_ended = std::max(relay.stamps.output_ended, when);
    relay.stamps.compute_ended = relay.stamps.output_ended;
  }

  /// What becomes of an answer of the inner driver.
  void strike(Relay& relay) {
    const Fault* fault = relay.strike.fault;
    if (Status down = health_->status(life_); !down.ok()) return set_failed(relay, std::move(down));
    if (fault == nullptr || !relay.status.ok()) return set_ready(relay);
    switch (fault->kind) {
      case FaultKind::hang:
        return hold(relay, fault->holds ? injector_->host().now() + *fault->holds : TimePoint::max());
      case FaultKind::answers_after_abandon:
        return hold(relay, TimePoint::max());
      case FaultKind::timeout:
        return hold(relay, relay.stamps.queued + fault->holds.value_or(std::chrono::seconds(1)));
      case FaultKind::slow:
        return slow(relay);
      case FaultKind::corrupt:
        corrupt(relay);
        return set_ready(relay);
      case FaultKind::answers_twice:
        return set_ready(relay);
      default:
        return set_failed(relay, as_fault(fault->kind));
    }
  }

  void hold(Relay& relay, TimePoint until) {
    relay.held = true;
    if (relay.abandoned) return let_go(relay);
    if (until != TimePoint::max()) set_alarm(relay, until);
  }

  /// Nobody waits for a held one.
  void let_go(Relay& relay) {
    const Fault& fault = *relay.strike.fault;
    if (fault.kind == FaultKind::answers_after_abandon) {
      return set_alarm(relay, injector_->host().now() + fault.holds.value_or(std::chrono::milliseconds(10)));
    }
    set_ended(relay, injector_->host().now());
    set_failed(relay, as_fault(fault.kind));
  }

  void slow(Relay& relay) {
    const auto service = relay.stamps.output_ended - relay.stamps.input_started;
    const auto start = std::max(relay.stamps.input_started, slow_until_);
    slow_until_ = start + Duration(static_cast<std::int64_t>(static_cast<double>(service.count()) * relay.strike.fault->factor));
    relay.stamps = {relay.stamps.queued, start, start, slow_until_, slow_until_};
    if (slow_until_ <= injector_->host().now()) return set_ready(relay);
    relay.held = true;
    set_alarm(relay, slow_until_);
  }

  static void corrupt(const Relay& relay) noexcept {
    for (const auto& output : relay.outputs) {
      const auto stride = 1 + relay.strike.dice % 61;
      for (std::size_t i = relay.strike.dice % std::min<std::size_t>(output.size_bytes, 61); i < output.size_bytes; i += stride)
        output.data[i] ^= std::byte{0x5a};
    }
  }

  void set_alarm(Relay& relay, TimePoint when) {
    relay.alarm = std::make_unique<Alarm>(injector_->shared_host());
    relay.alarm->set(when, [self = weak_from_this(), &relay, number = relay.number()] {
      if (const auto state = self.lock()) state->alarm_rang(relay, number);
    });
  }

  void alarm_rang(Relay& relay, std::uint64_t number) noexcept {
    std::unique_lock lock(mutex_);
    if (!relay.used || relay.number() != number || !relay.held) return;
    const auto kind = relay.strike.fault->kind;
    if (kind != FaultKind::slow) set_ended(relay, injector_->host().now());
    kind == FaultKind::timeout ? set_failed(relay, as_fault(kind)) : set_ready(relay);
    release(lock);
  }

  /// The next that may end: the one that was submitted first, or one that failed, or that nobody waits for.
  Relay* next_ready() noexcept {
    Relay* first = nullptr;
    for (auto& relay : relays_) {
      if (relay->used && (first == nullptr || relay->sequence < first->sequence)) first = relay.get();
    }
    if (first == nullptr || first->ready) return first;
    for (auto& relay : relays_) {
      if (relay->used && relay->ready && (!relay->status.ok() || relay->abandoned)) return relay.get();
    }
    return nullptr;
  }

  void release(std::unique_lock<std::mutex>& lock) noexcept {
    if (releasing_) return;  // that thread goes on with it
    releasing_ = true;
    while (Relay* relay = next_ready()) {
      const Ticket caller = relay->caller;
      const Status status = relay->status;
      const Stamps stamps = relay->stamps;
      const bool twice = relay->strike.fault != nullptr && relay->strike.fault->kind == FaultKind::answers_twice;
      relay->used = false;
      lock.unlock();
      caller.end(status, stamps);
      if (twice) caller.end(status, stamps);
      lock.lock();
    }
    releasing_ = false;
  }

  // constant
  const std::shared_ptr<Injector> injector_;
  const std::shared_ptr<Health> health_;
  const unsigned life_;
  std::vector<std::unique_ptr<Relay>> relays_;
  // guarded by mutex_
  std::mutex mutex_;
  std::uint64_t sequence_ = 0;
  TimePoint slow_until_ = TimePoint::min();
  Status refused_;
  bool releasing_ = false;
};

class FaultyInstance final : public DriverInstance {
 public:
  FaultyInstance(std::unique_ptr<DriverInstance> inner, std::shared_ptr<State> state) : state_(std::move(state)), inner_(std::move(inner)) {}

  [[nodiscard]] InstanceTraits traits() const noexcept override { return inner_->traits(); }

  void submit(Job& job) noexcept override {
    if (Relay* relay = state_->begin(job)) return inner_->submit(*relay);
    job.ticket().end(state_->take_refused(), {job.queued, job.queued, job.queued, job.queued, job.queued});
  }

  void abandon(Ticket ticket) noexcept override {
    if (Relay* relay = state_->abandon(ticket)) inner_->abandon(relay->ticket());
  }

 private:
  const std::shared_ptr<State> state_;
  const std::unique_ptr<DriverInstance> inner_;  // destroyed first: its jobs have all ended
};

}  // namespace

std::unique_ptr<DriverInstance> faulty_instance(std::unique_ptr<DriverInstance> inner, std::shared_ptr<Injector> injector,
                                                std::shared_ptr<Health> health, unsigned life) {
  const unsigned depth = std::max(inner->traits().depth, 1U);
  auto state = std::make_shared<State>(std::move(injector), health, life, depth);
  health->add(state);
  return std::make_unique<FaultyInstance>(std::move(inner), std::move(state));
}

}  // namespace polymetis::faulty
