#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "device/instance.hpp"
#include "fleet/access.hpp"
#include "fleet/known_answer.hpp"
#include "fleet/plan.hpp"
#include "fleet/recorder.hpp"
#include "fleet/sampler.hpp"
#include "fleet/stable_vector.hpp"
#include "fleet/tensor_pool.hpp"
#include "fleet/todo.hpp"
#include "fleet/trace.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis::fleet {

/// Loads a fresh instance for an executor; may block, called on `Host::run_blocking`.
using InstanceLoader = std::function<Expected<std::shared_ptr<device::Instance>>()>;

/// The consumer's side of a stream. What is guarded, is so by the dispatcher's mutex.
struct StreamRecord {
  // constant
  StreamId id;
  StreamOptions options;
  ResultCallback callback;
  std::shared_ptr<const Model> model;
  std::shared_ptr<TensorPool> inputs;   // frames
  std::shared_ptr<TensorPool> outputs;  // of runs of one frame, lent by the model; batches use the model's own
  // own synchronisation
  std::atomic<bool> refuses{false};                        // finished, cancelled or answered: look under the lock why
  std::atomic<TimePoint> starves_since{TimePoint::max()};  // no memory for a frame
  // guarded
  Ring<Result> ready;      // in order, not taken
  bool draining = false;   // a thread is about to call the callback, or does
  bool finished = false;   // no more frames
  bool cancelled = false;  // closed: results are thrown away
  bool answered = false;   // the plan has let go of it
  std::uint64_t offered = 0;
  std::uint64_t delivered = 0;
  std::vector<Latch*> result_waiters;
  std::vector<Latch*> room_waiters;
};

struct DispatcherOptions {
  PlanOptions plan;
  std::size_t trace_frames = 0;
  std::size_t memory_bytes = std::size_t{1} << 30;
  std::function<void(Event)> on_event;  ///< called with no lock held; must be short
};

/// Does what the plan decides, on the threads that bring its events: whoever submits a frame or ends a job asks the plan and carries out its
/// answer, the next job's start included. There is no scheduler thread, and no lock is held while a device or a caller's function runs.
///
/// Thread-safe.
class Dispatcher : public std::enable_shared_from_this<Dispatcher> {
 public:
  Dispatcher(std::shared_ptr<Host> host, DispatcherOptions options);
  ~Dispatcher();
  /// Errors: those of `Recorder::open`. Before anything else is added.
  Status start_recording(const std::filesystem::path& path);

  DeviceId add_device(const std::string& name, const std::string& board);
  ModelId add_model(const std::shared_ptr<const Model>& model, Duration batch_wait);
  /// `lease` is let go when the executor is retired or the fleet closed. Without an instance `loader` is asked for one once the device answers.
  ExecutorId add_executor(DeviceId device, ModelId model, Expected<std::shared_ptr<device::Instance>> instance, std::shared_ptr<void> lease,
                          InstanceLoader loader);
  /// Gives it no more frames and waits until it holds none; false: it still did at `until`.
  bool retire(ExecutorId executor, TimePoint until);
  void device_changed(DeviceId device, const DeviceChange& change);
  void readmit(DeviceId device, ModelId model);

  std::shared_ptr<StreamRecord> open_stream(ModelId model, const StreamOptions& options, DeviceId prefer, ResultCallback callback);
  /// Waits for room until `until`, then it is `pending`. `input` is taken only if the frame is accepted. `promise` (may be null) gets the
  /// result instead of the stream.
  Expected<std::uint64_t> submit(StreamRecord& stream, TensorSet* input, const FrameOptions& options, TimePoint until, Submitter submitter,
                                 std::unique_ptr<std::promise<Result>> promise);
  /// Errors: `pending` none is free until then; `runtime_error` kept results hold it all, and for seconds none was let go.
  Expected<TensorSet*> take_input(StreamRecord& stream, TimePoint until);
  std::optional<Result> next(StreamRecord& stream, TimePoint until);
  std::size_t take(StreamRecord& stream, std::vector<Result>& results, std::size_t most);
  void finish(StreamRecord& stream);
  void cancel(StreamRecord& stream);
  void close(StreamRecord& stream);
  [[nodiscard]] bool exhausted(const StreamRecord& stream) const;

  /// Ends everything; see `Fleet::close`.
  void close(Duration patience);
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  /// Reads the plan's state under the lock; `read` must be short.
  template <class Read>
  auto look(Read&& read) const {
    base::MutexLock lock(mutex_);
    return read(plan_, open_streams_);
  }
  /// The same, with the counters of now and those to compare them with.
  template <class Read>
  auto measure(Read&& read) const {
    Sample now;
    base::MutexLock lock(mutex_);
    now.take(plan_, std::max(host_->now(), last_now_));
    return read(plan_, open_streams_, now, sampler_.before(now.time));
  }
  [[nodiscard]] Host& host() const noexcept { return *host_; }
  [[nodiscard]] const MemoryBudget& memory() const noexcept { return *memory_; }
  [[nodiscard]] Trace trace() const {
    base::MutexLock lock(mutex_);
    return trace_;
  }

 private:
  friend class Todo;
  struct FrameRecord {
    TensorSet* input = nullptr;
    TensorSet* output = nullptr;
    std::uint32_t row = 0;
    ExecutorId executor;
    Submitter submitter = Submitter::continues;
    std::uint64_t tag = 0;
    std::unique_ptr<std::promise<Result>> promise;
    TimePoint captured;
    TimePoint submitted;
    Stamps stamps;
  };
  struct JobRecord {
    Dispatcher* dispatcher = nullptr;
    JobId job;
    ExecutorId executor;
    std::atomic<std::uint64_t> serial{0};  // grows at each use
    device::JobId inside = device::JobId::none;
    TimePoint queued;
    bool abandoned = false;
    bool probe = false;
    std::shared_ptr<device::Instance> instance;
    Stamps stamps;
    TensorSet* input = nullptr;  // a batch's own
    TensorSet* output = nullptr;
    std::vector<TensorSet*> gather;  // a batch's frames
    std::span<const Buffer> inputs;
    std::span<const Buffer> outputs;
  };
  struct ExecutorRecord {
    DeviceId device;
    ModelId model;
    std::shared_ptr<device::Instance> instance;
    std::shared_ptr<void> lease;
    InstanceLoader loader;
  };
  struct ModelRecord {
    std::shared_ptr<const Model> model;
    std::shared_ptr<TensorPool> inputs;  // of probes and gathered batches
    std::shared_ptr<TensorPool> outputs;
    std::vector<std::shared_ptr<TensorPool>> stream_outputs;  // of each stream there is, or was
    std::vector<std::shared_ptr<TensorPool>> spare_outputs;   // of these, those whose stream is over
    TensorSet* probe = nullptr;
    KnownAnswer known;
  };

  template <class E>
  void apply(const E& event) EXCLUDES(mutex_);
  template <class E>
  void decide(TimePoint now, const E& event) REQUIRES(mutex_);
  void carry_out() REQUIRES(mutex_);
  void prepare(const Actions::Start& start, Todo& todo) REQUIRES(mutex_);
  void deliver(const Actions::Deliver& delivered, Todo& todo) REQUIRES(mutex_);
  void hand_over(StreamRecord& stream, Result&& result, Todo& todo) REQUIRES(mutex_);
  void announce(const Actions::Change& change) REQUIRES(mutex_);
  std::shared_ptr<TensorPool> lend_outputs(ModelId model) REQUIRES(mutex_);
  void arm() REQUIRES(mutex_);
  void update_life() REQUIRES(mutex_);
  void start(JobRecord& record, std::uint64_t serial, Submitter submitter);
  void job_done(JobRecord& record, const Status& status, const Stamps& stamps) noexcept;
  void tick() noexcept;
  void reload(ExecutorId executor);
  void drain(StreamRecord& stream, Result&& first);
  std::optional<Result> next_to_call(StreamRecord& stream);
  TensorSet* free_input(StreamRecord& stream);
  [[nodiscard]] bool results_hold_all() const EXCLUDES(mutex_);
  [[nodiscard]] bool starves(const StreamRecord& stream) const EXCLUDES(mutex_);
  void call_back(const StreamRecord& stream, Result&& result);
  std::size_t take_ready(StreamRecord& stream, std::vector<Result>& results, std::size_t most) REQUIRES(mutex_);
  void report(std::string text) const;
  void tell(Event event) const;
  bool wait_for(std::vector<Latch*>& waiters, TimePoint until) REQUIRES(mutex_);
  void wait_until_idle(TimePoint until) EXCLUDES(mutex_);
  FrameId offer(StreamRecord& stream, TensorSet* input, const FrameOptions& options, Submitter submitter,
                std::unique_ptr<std::promise<Result>>& promise) REQUIRES(mutex_);
  static void wake(std::vector<Latch*>& waiters) {
    if (!waiters.empty()) wake_all(waiters);
  }
  static void wake_all(std::vector<Latch*>& waiters);
  static void wake_one(std::vector<Latch*>& waiters);

  // constant
  const std::shared_ptr<Host> host_;
  const DispatcherOptions options_;
  const std::shared_ptr<MemoryBudget> memory_;
  // own synchronisation
  std::atomic<bool> closed_{false};
  // guarded by mutex_
  mutable base::BriefMutex mutex_;
  Trace trace_ GUARDED_BY(mutex_);
  TimePoint last_now_ GUARDED_BY(mutex_){};
  Plan plan_ GUARDED_BY(mutex_);
  Sampler sampler_ GUARDED_BY(mutex_);
  Actions actions_ GUARDED_BY(mutex_);
  Recorder recorder_ GUARDED_BY(mutex_);
  StableVector<FrameRecord> frames_ GUARDED_BY(mutex_);
  StableVector<JobRecord> jobs_ GUARDED_BY(mutex_);
  StableVector<ExecutorRecord> executors_ GUARDED_BY(mutex_);
  StableVector<ModelRecord> models_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<StreamRecord>> open_streams_ GUARDED_BY(mutex_);  // by StreamId; null: free
  std::shared_ptr<StreamRecord> opened_ GUARDED_BY(mutex_);                     // the stream whose opening is being decided
  TensorSet* ended_output_ GUARDED_BY(mutex_) = nullptr;                        // of the job whose end is being decided
  TimerId timer_ GUARDED_BY(mutex_) = TimerId::none;
  std::size_t timers_out_ GUARDED_BY(mutex_) = 0;  // armed and not known to be over
  TimePoint armed_at_ GUARDED_BY(mutex_) = TimePoint::max();
  std::size_t jobs_out_ GUARDED_BY(mutex_) = 0;  // given to devices and not let go
  std::size_t reloads_out_ GUARDED_BY(mutex_) = 0;
  std::size_t drains_out_ GUARDED_BY(mutex_) = 0;         // streams whose callback is being called
  std::shared_ptr<Dispatcher> alive_ GUARDED_BY(mutex_);  // while a device, a timer or a reload may call
  std::vector<Latch*> idle_waiters_ GUARDED_BY(mutex_);
  std::vector<Latch*> retire_waiters_ GUARDED_BY(mutex_);
};

template <class E>
void Dispatcher::decide(TimePoint now, const E& event) {
  now = last_now_ = std::max(now, last_now_);
  sampler_.note(plan_, now);
  if (recorder_.on()) recorder_.event(now, event);
  if constexpr (std::is_same_v<E, event::JobEnded>) {
    plan_.job_ended(now, event, actions_);
  } else if constexpr (std::is_same_v<E, event::Taken>) {
    plan_.taken(now, event, actions_);
  } else {
    plan_.apply(now, event, actions_);
  }
  if (recorder_.on()) recorder_.decided(actions_);
  carry_out();
}

}  // namespace polymetis::fleet
