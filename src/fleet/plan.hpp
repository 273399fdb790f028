#pragma once

#include <array>
#include <string>
#include <vector>

#include "fleet/fair_queue.hpp"
#include "fleet/hang_bound.hpp"
#include "fleet/plan_event.hpp"
#include "fleet/ring.hpp"
#include "fleet/table.hpp"
#include "fleet/window.hpp"

namespace polymetis::fleet {

/// What a plan is made with; part of a recording.
struct PlanOptions {
  HealthOptions health;
  Duration no_card_wait{0};
  template <class F>
  void members(F&& f) {
    f(health.hang_floor);
    f(health.hang_factor);
    f(health.attempts_after_error);
    f(health.attempts_after_hang);
    f(health.first_backoff);
    f(health.longest_backoff);
    f(health.probe_interval);
    f(health.model_breaker);
    f(no_card_wait);
  }
};

/// The decision maker of a fleet: takes events with a time, answers with actions. No thread, lock, clock or I/O, so the same decisions come
/// from threads, from virtual time, from a planner and from a recording.
///
/// *A frame's way:* offered -> waiting -> running (perhaps again elsewhere) -> ended -> delivered in its stream's order -> released.
/// *A device's life:* probing -> ready -> suspect -> quarantined -> probing ..., or lost; drawn in docs/fleet.md.
///
/// Invariants: a frame ends once; an executor holds at most `depth` jobs; frames of a stream are delivered in the order of their offers; a
/// frame's place is free only after its delivery and after every job that reads it has ended. Thread-bound.
class Plan {
 public:
  explicit Plan(const PlanOptions& options = {});

  /// Adds what is to be done to `actions`. Times do not decrease.
  void apply(TimePoint now, const PlanEvent& event, Actions& actions);
  void offer(TimePoint now, const event::Offer& offer, Actions& actions);
  void job_ended(TimePoint now, const event::JobEnded& end, Actions& actions);
  void taken(TimePoint now, const event::Taken& taken, Actions& actions);
  /// When a `Tick` is due at the latest; max: never. May be early.
  [[nodiscard]] TimePoint wakeup() const noexcept { return wakeup_; }

  struct Device {
    std::string name;
    std::string board;
    DeviceState state = DeviceState::probing;
    std::string cause;
    TimePoint since;
    Duration backoff{0};
    TimePoint probe_at = TimePoint::max();
    bool admitted = false;  // it has been ready once
    std::vector<ExecutorId> executors;
    unsigned strikes = 0;     // failures that were its own, since so many successes
    unsigned successes = 0;   // since the last strike
    unsigned suspicions = 0;  // failed runs that are not yet explained: the sum of its executors' holds
    unsigned hang_suspicions = 0;
    std::uint64_t frames = 0;
    std::uint64_t failures = 0;
    std::uint64_t hangs = 0;
    std::uint64_t readmissions = 0;
    Duration busy{0};  // sum of computing times
  };
  struct Model {
    std::string name;
    std::uint32_t batch = 1;
    Duration batch_wait{0};
    std::vector<ExecutorId> executors;
    Ring<FrameId> retries;  // frames that run again go first
    FairQueue queue;
    std::uint64_t waiting = 0;  // in streams' queues, without retries
    bool hungry = true;         // an executor has a place for which there was no frame
    bool dirty = false;         // something changed that may let a frame start
    Duration fastest{0};        // of its executors' typical times; 0: not known
    Duration longest_bound{0};  // of its executors' hang bounds
    unsigned until_measure = 0;
    unsigned blamed = 0;  // frames that failed everywhere, less one for each 100 that did not
    unsigned successes = 0;
    std::vector<DeviceId> hung;  // devices that its frames hung since its last success
    TimePoint last_success;
    bool stopped = false;
    Status cause;  // why it was stopped, or why no card is left
    Duration backoff{0};
    TimePoint resume_at = TimePoint::max();
    TimePoint no_card_since = TimePoint::max();
    std::uint64_t outputs = 0, dropped = 0, late = 0, failed = 0, retried = 0;
    Histogram latency;
  };
  struct Executor {
    DeviceId device;
    ModelId model;
    std::uint32_t depth = 1;
    std::uint32_t incarnation = 0;  // grows with each fresh instance
    std::uint32_t in_flight = 0;    // jobs of this incarnation, abandoned ones too
    std::uint32_t holds = 0;        // unexplained failures: until they are it takes only frames that run again
    std::uint32_t hang_holds = 0;   // of these, hangs
    bool probing = true;
    bool reloading = false;
    bool loaded = false;  // it has had an instance
    bool retired = false;
    bool usable = false;     // its device is ready or suspect
    bool overtaken = false;  // its job outlived the bound and has not come back
    TimePoint probed_at;
    Ring<JobId> jobs;      // of this incarnation, oldest first
    TimePoint head_since;  // when the oldest could start
    TimePoint last_start;
    HangBound bound;
    std::uint64_t frames = 0;
    Duration busy{0};  // sum of computing times
  };
  struct Attempt {
    ExecutorId executor;
    std::uint32_t incarnation = 0;
    bool open = false;  // not yet explained
    bool hung = false;
  };
  struct Frame {
    StreamId stream;
    std::uint64_t number = 0;
    TimePoint captured;
    TimePoint offered;
    TimePoint deadline = TimePoint::max();
    TimePoint started;
    TimePoint ended_at;
    bool ended = false;
    bool delivered = false;
    bool running = false;
    std::uint8_t takes = 0;
    Outcome outcome = Outcome::dropped;
    DeviceId device;
    Status cause;            // the first failure
    std::uint32_t jobs = 0;  // that still read its inputs
    std::uint32_t attempts = 0;
    std::uint32_t errors = 0;  // attempts that count against it
    std::uint32_t hangs = 0;
    std::uint32_t aborts = 0;        // attempts that its device's trouble ended
    std::array<Attempt, 6> tried{};  // failed ones; only the first `tried_count` mean anything
    std::uint32_t tried_count = 0;
    void reset() noexcept;
  };
  struct Job {
    ExecutorId executor;
    std::uint32_t incarnation = 0;
    bool probe = false;
    bool abandoned = false;
    TimePoint started;
    std::vector<FrameId> frames;  // keeps its memory from job to job
    void reset() noexcept;
  };
  struct Stream {
    event::OpenStream options;
    Ring<FrameId> order;            // from the oldest not delivered to the newest accepted
    std::uint64_t next_number = 0;  // of the next offer
    std::uint64_t head_number = 0;  // of order.front()
    std::uint64_t next_start = 0;   // number of the next to start: waiting are [next_start, next_number)
    std::uint64_t waiting = 0;      // accepted, neither started nor ended
    std::uint64_t untaken = 0;      // delivered, not taken
    bool full = false;              // an offer was refused since the last room
    bool cancelled = false;
    bool closing = false;
    bool open = false;
    Window window;
    std::uint64_t outputs = 0, dropped = 0, late = 0, failed = 0, retried = 0, ended = 0;
    Histogram latency, queueing;
    std::uint64_t window_binds = 0;    // times that a start had to wait for room in the window
    std::uint64_t consumer_binds = 0;  // of these, those where answers lay untaken
  };

  /// Frames by how they ended, of all streams that ever were.
  struct Totals {
    std::uint64_t outputs = 0, dropped = 0, late = 0, failed = 0;
  };

  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
  [[nodiscard]] const Table<DeviceId, Device>& devices() const noexcept { return devices_; }
  [[nodiscard]] const Table<ModelId, Model>& models() const noexcept { return models_; }
  [[nodiscard]] const Table<ExecutorId, Executor>& executors() const noexcept { return executors_; }
  [[nodiscard]] const Table<StreamId, Stream>& streams() const noexcept { return streams_; }
  [[nodiscard]] const Table<FrameId, Frame>& frames() const noexcept { return frames_; }
  [[nodiscard]] const Table<JobId, Job>& jobs() const noexcept { return jobs_; }
  [[nodiscard]] std::size_t window_frames(StreamId stream) const noexcept;
  /// Whether any device of the model takes frames or may soon: ready, suspect, or on its first probe.
  [[nodiscard]] bool has_card(ModelId model) const noexcept;

 private:
  // plan.cpp: streams, and the way of a frame
  void add(const event::AddDevice& added);
  void add(const event::AddModel& added);
  void add(const event::AddExecutor& added);
  void fit(Executor& executor, std::uint32_t depth, Duration hang_floor);
  void retire(ExecutorId id);
  void retire_if_idle(ExecutorId id);
  void open(const event::OpenStream& opened);
  void accept(const event::Offer& offered);
  void cancel(const event::CancelStream& cancelled);
  void close(const event::Close& closed);
  void end_waiting(FrameId id, Outcome outcome, const Status& status);
  void end_frame(FrameId id, Outcome outcome, const Status& status);
  void advance(StreamId id);
  void release_if_done(FrameId id);
  void close_if_done(StreamId id);
  void room_made(Stream& stream, StreamId id, std::uint64_t most_waiting);
  void tick(TimePoint due);
  void tick_stream(StreamId id);
  /// While frames wait, executors are looked at this often: one that is too slow to get any is probed, so its recovery is seen.
  static constexpr Duration look_again = std::chrono::milliseconds(250);
  void wake_at(TimePoint when) noexcept { wakeup_ = std::min(wakeup_, when); }
  void settle_event();

  // plan_schedule.cpp: who takes what
  void pull(ExecutorId id);
  void go_hungry(ModelId id);
  void pull_all(ModelId id);
  [[nodiscard]] bool takes(const Executor& executor) const noexcept;
  [[nodiscard]] bool usable(DeviceId id) const noexcept;
  [[nodiscard]] bool trusted(const Executor& executor) const noexcept;
  [[nodiscard]] bool may_start(const Executor& executor, StreamId id) noexcept;
  [[nodiscard]] bool fast_enough(const Executor& executor, StreamId id) const noexcept;
  [[nodiscard]] FrameId take_waiting(StreamId id);
  [[nodiscard]] bool batch_can_go(ModelId id) noexcept;
  [[nodiscard]] FrameId next_frame(ExecutorId id);
  [[nodiscard]] FrameId next_retry(ExecutorId id);
  [[nodiscard]] ExecutorId best_executor(ModelId id) const noexcept;
  [[nodiscard]] TimePoint expected_end(const Executor& executor) const noexcept;
  void measure(ModelId id) noexcept;
  bool start_frames(ExecutorId id);
  void start_probe(ExecutorId id);
  JobId begin_job(ExecutorId id);

  // plan_jobs.cpp: how a run ended, and whose fault it was
  void job_left(JobId id, Job& job);
  void probe_ended(ExecutorId id, const Status& status);
  void frame_ran(FrameId id, const Job& run);
  void run_failed(FrameId id, const Job& run, const Status& status, bool hung);
  void run_again(FrameId id);
  void explain_failures(FrameId id, bool device_is_to_blame);
  void blame_frame(FrameId id);
  void overtake(ExecutorId id);
  void note_hang(ModelId id, DeviceId device, const Status& hung);
  void abandon(JobId id, const Status& status);
  [[nodiscard]] bool other_card(const Frame& frame, ModelId model) const noexcept;

  // plan_health.cpp: the life of devices and models
  void set_state(DeviceId id, DeviceState state, std::string cause);
  void strike(DeviceId id, bool hung, const std::string& cause);
  void calm(DeviceId id);
  void quarantine(DeviceId id, const std::string& cause);
  void lose(DeviceId id, const std::string& cause);
  void withdraw(DeviceId id, const std::string& cause);
  void hold(Executor& executor, bool hung) noexcept;
  void let_off(Executor& executor, unsigned failures, unsigned hangs) noexcept;
  void clear(Executor& executor, const Status& status);
  void begin_probing(DeviceId id);
  void reload(ExecutorId id);
  void reloaded(const event::Reloaded& done);
  void leave_out(ExecutorId id, const std::string& cause);
  void ready_if_probed(DeviceId id);
  void readmit(const event::Readmit& wish);
  void stop_model(ModelId id, const Status& cause);
  void resume_model(ModelId id);
  void check_card(ModelId id);
  void fail_waiting(ModelId id, const Status& status);
  void tick_executor(ExecutorId id, TimePoint due);
  void tick_device(DeviceId id);
  void tick_model(ModelId id);
  [[nodiscard]] bool is_last_ready(DeviceId id) const noexcept;

  // constant
  const PlanOptions options_;
  // the event at hand
  TimePoint now_{};
  Actions* actions_ = nullptr;
  // state
  Table<DeviceId, Device> devices_;
  Table<ModelId, Model> models_;
  Table<ExecutorId, Executor> executors_;
  Table<StreamId, Stream> streams_;
  Table<FrameId, Frame> frames_;
  Table<JobId, Job> jobs_;
  Totals totals_;
  TimePoint wakeup_ = TimePoint::max();
  bool closed_ = false;
};

}  // namespace polymetis::fleet
