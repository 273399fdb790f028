#include <mutex>

#include "virtual/instance.hpp"

namespace polymetis::virtual_card {

namespace {

struct Entry {
  Job* job = nullptr;
  Ticket ticket;
};

/// The jobs of one instance and its turn in the queue for a CPU: it asks for one while it has jobs, a piece is one job.
///
/// Shared, as the instance may be destroyed as soon as its last ticket has ended, while the thread that ended it still looks for more.
class HostQueue final : public Turn, public std::enable_shared_from_this<HostQueue> {
 public:
  explicit HostQueue(InstanceParts parts)
      : Turn(CpuSet::of(parts.device->spec().cpus, parts.budget->cpu_count())),
        cpus_(CpuSet::of(parts.device->spec().cpus, parts.budget->cpu_count())),
        parts_(std::move(parts)) {}

  void submit(Job& job) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (jobs_.full()) return static_cast<void>(job.ticket().end(too_many(), {job.queued, job.queued, job.queued, job.queued, job.queued}));
      jobs_.push({&job, job.ticket()});
      if (active_) return;  // whoever is at it goes on with this one
      active_ = true;
    }
    const unsigned cpu = job.submitter == Submitter::waits ? parts_.budget->try_take(cpus_) : CpuSet::most;
    if (cpu == CpuSet::most) return parts_.budget->ask(*this);
    compute_head([&] { parts_.budget->give(cpu); });
    go_on();
  }

  void take() noexcept override {
    const auto self = shared_from_this();
    compute_head([] {});
    go_on();
  }

  void abandon(const Ticket& ticket) noexcept {
    std::unique_lock lock(mutex_);
    for (std::size_t i = computing_ ? 1 : 0; i < jobs_.size(); ++i) {
      if (!(jobs_[i].ticket == ticket)) continue;
      // the last one takes the place in the queue for a CPU with it, if it is still there
      if (jobs_.size() == 1 && !parts_.budget->withdraw(*this)) return;
      const Entry entry = jobs_.remove(i);
      if (jobs_.empty()) active_ = false;
      lock.unlock();
      end(entry, taken_back(), parts_.host->now(), parts_.host->now());
      return;
    }
  }

 private:
  template <class F>
  void compute_head(F computed) noexcept {
    Entry entry;
    {
      const std::lock_guard lock(mutex_);
      computing_ = true;
      entry = jobs_[0];
    }
    const auto started = parts_.host->now();
    const Status status = parts_.compute->run(entry.job->inputs, entry.job->outputs, entry.job->rows);
    const auto ended = parts_.host->now();
    {
      const std::lock_guard lock(mutex_);
      computing_ = false;
      jobs_.pop();
    }
    computed();
    end(entry, status, started, ended);
  }

  void go_on() noexcept {
    {
      const std::lock_guard lock(mutex_);
      active_ = !jobs_.empty();
      if (!active_) return;
    }
    parts_.budget->ask(*this);
  }

  static void end(const Entry& entry, const Status& status, TimePoint started, TimePoint ended) noexcept {
    const auto queued = entry.job->queued;
    entry.ticket.end(status, {queued, std::max(queued, started), std::max(queued, started), std::max(queued, ended), std::max(queued, ended)});
  }

  // constant
  const CpuSet cpus_;
  const InstanceParts parts_;
  // guarded by mutex_
  std::mutex mutex_;
  JobRing<Entry> jobs_;
  bool active_ = false;     // computing, or in the queue for a CPU
  bool computing_ = false;  // the first of jobs_
};

class HostInstance final : public DriverInstance {
 public:
  explicit HostInstance(InstanceParts parts) : queue_(std::make_shared<HostQueue>(std::move(parts))) {}

  [[nodiscard]] InstanceTraits traits() const noexcept override {
    return {.depth = instance_depth, .recall = Recall::waiting, .hang_floor = computed_hang_floor};
  }
  void submit(Job& job) noexcept override { queue_->submit(job); }
  void abandon(Ticket ticket) noexcept override { queue_->abandon(ticket); }

 private:
  const std::shared_ptr<HostQueue> queue_;
};

}  // namespace

std::unique_ptr<DriverInstance> host_instance(InstanceParts parts) { return std::make_unique<HostInstance>(std::move(parts)); }

}  // namespace polymetis::virtual_card
