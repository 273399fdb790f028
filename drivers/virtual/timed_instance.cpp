#include <mutex>

#include "virtual/instance.hpp"
#include "virtual/timing.hpp"

namespace polymetis::virtual_card {

namespace {

struct Entry {
  Job* job = nullptr;
  Ticket ticket;
  Schedule::Span span;
  TimePoint computed_at;
  Status status;
  enum class Work { waiting, running, done } work = Work::waiting;
};

/// The jobs of one instance at a fixed rate. One timer, for the end of the first job; one thread at a time ends jobs, in order. Shared, as the
/// instance may be destroyed as soon as its last ticket has ended.
class TimedQueue final : public Turn, public std::enable_shared_from_this<TimedQueue> {
 public:
  explicit TimedQueue(InstanceParts parts)
      : Turn(CpuSet::of(parts.device->spec().cpus, parts.budget->cpu_count())),
        parts_(std::move(parts)),
        computes_(parts_.device->spec().compute == ComputeKind::openvino) {}

  void submit(Job& job) noexcept {
    Entry entry{&job, job.ticket(), {}, {}, {}, Entry::Work::waiting};
    if (!computes_) {
      entry.status = parts_.compute->run(job.inputs, job.outputs, job.rows);
      entry.work = Entry::Work::done;
    }
    const auto& device = *parts_.device;
    const double period = period_ns(device.spec().timing.frames_per_second, device.clock_mhz(parts_.cores));
    bool ask = false;
    {
      const std::lock_guard lock(mutex_);
      if (jobs_.full()) return static_cast<void>(entry.ticket.end(too_many(), {job.queued, job.queued, job.queued, job.queued, job.queued}));
      entry.span = schedule_.add(job.queued, period, periods(job.rows * parts_.model->batch, parts_.cores.count));
      jobs_.push(std::move(entry));
      arm();
      ask = computes_ && !asked_;
      asked_ = asked_ || ask;
    }
    if (ask) parts_.budget->ask(*this);
  }

  void take() noexcept override {
    const auto self = shared_from_this();
    std::unique_lock lock(mutex_);
    if (Entry* entry = first_waiting()) {
      entry->work = Entry::Work::running;
      const Job& job = *entry->job;
      const Ticket ticket = entry->ticket;
      lock.unlock();
      Status status = parts_.compute->run(job.inputs, job.outputs, job.rows);
      lock.lock();
      computed(ticket, std::move(status));
    }
    asked_ = first_waiting() != nullptr;
    const bool again = asked_;
    end_due(lock);
    if (lock.owns_lock()) lock.unlock();
    if (again) parts_.budget->ask(*this);
  }

  [[nodiscard]] Duration hang_floor() const noexcept {
    const auto& device = *parts_.device;
    const double period = period_ns(device.spec().timing.frames_per_second, device.clock_mhz(parts_.cores));
    const auto rows = Duration(static_cast<std::int64_t>(4 * instance_depth * period));
    return std::max(computes_ ? computed_hang_floor : instant_hang_floor, rows);
  }

  void abandon(const Ticket& ticket) noexcept {
    std::unique_lock lock(mutex_);
    const auto last = jobs_.size() - 1;  // the others have started, or will before it
    if (jobs_.size() < 2 || !(jobs_[last].ticket == ticket) || jobs_[last].work == Entry::Work::running) return;
    const auto now = parts_.host->now();
    if (jobs_[last].span.start <= now || !give_up_turn()) return;
    schedule_.take_back(jobs_[last].span);
    Entry entry = jobs_.remove(last);
    const bool ask = !asked_ && first_waiting() != nullptr;
    asked_ = asked_ || ask;
    lock.unlock();
    if (ask) parts_.budget->ask(*this);
    const auto queued = entry.job->queued;
    entry.ticket.end(taken_back(), {queued, now, now, now, now});
  }

 private:
  /// True: this is not in the queue for a CPU, or there is a computation at hand that will look again.
  bool give_up_turn() noexcept {
    if (!asked_ || jobs_[0].work == Entry::Work::running) return true;
    if (!parts_.budget->withdraw(*this)) return false;
    asked_ = false;
    return true;
  }

  Entry* first_waiting() noexcept {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i].work == Entry::Work::waiting) return &jobs_[i];
    }
    return nullptr;
  }

  void computed(const Ticket& ticket, Status status) noexcept {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      Entry& entry = jobs_[i];
      if (!(entry.ticket == ticket)) continue;
      entry.work = Entry::Work::done;
      entry.status = std::move(status);
      entry.computed_at = parts_.host->now();
      if (entry.computed_at > entry.span.end) parts_.device->count_late_frame();
    }
  }

  /// Sets the timer for the first job; it belongs to that job, so it is never cancelled.
  void arm() noexcept {
    if (armed_ || ending_ || jobs_.empty()) return;
    armed_ = true;
    parts_.host->call_at(jobs_[0].span.end, {[](void* argument) noexcept { static_cast<TimedQueue*>(argument)->due(); }, this});
  }

  void due() noexcept {
    const auto self = shared_from_this();
    std::unique_lock lock(mutex_);
    armed_ = false;
    end_due(lock);
  }

  /// Ends what is due and computed. What is submitted meanwhile, from within an `end` too, is left to the thread that is at it.
  void end_due(std::unique_lock<std::mutex>& lock) noexcept {
    if (ending_ || armed_) return;  // the timer's task is on its way, and needs its job
    ending_ = true;
    while (!jobs_.empty() && jobs_[0].work == Entry::Work::done && jobs_[0].span.end <= parts_.host->now()) {
      const Entry entry = jobs_.pop();
      lock.unlock();
      end(entry);
      lock.lock();
    }
    ending_ = false;
    const bool overdue = !jobs_.empty() && jobs_[0].span.end <= parts_.host->now();  // its computation will end it
    if (!overdue) arm();
  }

  static void end(const Entry& entry) noexcept {
    const auto ended = std::max(entry.span.end, entry.computed_at);
    entry.ticket.end(entry.status, {entry.job->queued, entry.span.start, entry.span.start, ended, ended});
  }

  // constant
  const InstanceParts parts_;
  const bool computes_;
  // guarded by mutex_
  std::mutex mutex_;
  Schedule schedule_;
  JobRing<Entry> jobs_;
  bool armed_ = false;   // the timer is set, or its task is about to run
  bool ending_ = false;  // a thread is ending jobs
  bool asked_ = false;   // for a CPU
};

class TimedInstance final : public DriverInstance {
 public:
  explicit TimedInstance(InstanceParts parts) : queue_(std::make_shared<TimedQueue>(std::move(parts))) {}

  [[nodiscard]] InstanceTraits traits() const noexcept override {
    return {.depth = instance_depth, .recall = Recall::waiting, .hang_floor = queue_->hang_floor()};
  }
  void submit(Job& job) noexcept override { queue_->submit(job); }
  void abandon(Ticket ticket) noexcept override { queue_->abandon(ticket); }

 private:
  const std::shared_ptr<TimedQueue> queue_;
};

}  // namespace

std::unique_ptr<DriverInstance> timed_instance(InstanceParts parts) { return std::make_unique<TimedInstance>(std::move(parts)); }

}  // namespace polymetis::virtual_card
