#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "fleet/ids.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis::fleet {

/// What the plan can be told. Plain values: a recording is a list of them, and `members` is how one is written and read
/// (record.hpp). Ids that an event makes are the next free place of their table.
namespace event {

struct AddDevice {
  std::string name;
  std::string board;
  template <class F>
  void members(F&& f) {
    f(name);
    f(board);
  }
};
struct AddModel {
  std::string name;
  std::uint32_t batch = 1;
  Duration batch_wait{0};
  template <class F>
  void members(F&& f) {
    f(name);
    f(batch);
    f(batch_wait);
  }
};
/// An instance was loaded; it is probed before it gets frames. Or, with `trouble`, it could not be since its device is out of reach: that is
/// quarantined, and the instance loaded (`Actions::reloads`) when it is probed.
struct AddExecutor {
  DeviceId device;
  ModelId model;
  std::uint32_t depth = 1;
  Duration hang_floor{0};
  std::string trouble;
  template <class F>
  void members(F&& f) {
    f(device);
    f(model);
    f(depth);
    f(hang_floor);
    f(trouble);
  }
};
/// It gets no more frames; `Actions::retired` names it when it holds none. Its id is not used again.
struct RetireExecutor {
  ExecutorId executor;
  template <class F>
  void members(F&& f) {
    f(executor);
  }
};
struct OpenStream {
  ModelId model;
  std::string name;
  Overload overload = Overload::block;
  std::uint32_t priority = 0;
  double weight = 1.0;
  std::uint64_t queue_frames = 1;    ///< accepted and not started
  std::uint64_t window_most = 4096;  ///< from the limit in bytes
  std::uint64_t window_frames = 0;   ///< chosen by the caller; 0: measured
  DeviceId prefer;                   ///< invalid: none
  template <class F>
  void members(F&& f) {
    f(model);
    f(name);
    f(overload);
    f(priority);
    f(weight);
    f(queue_frames);
    f(window_most);
    f(window_frames);
    f(prefer);
  }
};
/// A frame comes: it is accepted (`Actions::accepted`) or, with `Overload::block` and a full queue, refused.
struct Offer {
  StreamId stream;
  TimePoint captured;
  TimePoint deadline = TimePoint::max();
  std::uint8_t takes = 0;  ///< 1: its answer is outstanding until `Taken`
  template <class F>
  void members(F&& f) {
    f(stream);
    f(captured);
    f(deadline);
    f(takes);
  }
};
/// The consumer took so many answers.
struct Taken {
  StreamId stream;
  std::uint32_t count = 1;
  template <class F>
  void members(F&& f) {
    f(stream);
    f(count);
  }
};
/// Frames that have not started are dropped; `close` frees the stream's place once all is answered.
struct CancelStream {
  StreamId stream;
  std::uint8_t close = 0;
  template <class F>
  void members(F&& f) {
    f(stream);
    f(close);
  }
};
/// The device has let go of a job.
struct JobEnded {
  JobId job;
  Code code = Code::ok;
  std::string message;  ///< empty for a success
  TimePoint compute_started;
  TimePoint compute_ended;
  template <class F>
  void members(F&& f) {
    f(job);
    f(code);
    f(message);
    f(compute_started);
    f(compute_ended);
  }
};
/// An executor has a fresh instance (after `Actions::reloads`), or could not get one.
struct Reloaded {
  ExecutorId executor;
  std::uint32_t depth = 1;
  Duration hang_floor{0};
  Code code = Code::ok;
  std::string message;
  template <class F>
  void members(F&& f) {
    f(executor);
    f(depth);
    f(hang_floor);
    f(code);
    f(message);
  }
};
struct DeviceLost {
  DeviceId device;
  std::string cause;
  template <class F>
  void members(F&& f) {
    f(device);
    f(cause);
  }
};
struct DeviceAppeared {
  DeviceId device;
  template <class F>
  void members(F&& f) {
    f(device);
  }
};
/// A person or program ends a quarantine or a model's stop now.
struct Readmit {
  DeviceId device;
  ModelId model;
  template <class F>
  void members(F&& f) {
    f(device);
    f(model);
  }
};
/// Nothing more is run: what waits is dropped, what runs fails.
struct Close {
  std::string cause;
  template <class F>
  void members(F&& f) {
    f(cause);
  }
};
/// Time has passed `Plan::wakeup`.
struct Tick {
  template <class F>
  void members(F&&) {}
};

}  // namespace event

using PlanEvent = std::variant<event::AddDevice, event::AddModel, event::AddExecutor, event::RetireExecutor, event::OpenStream, event::Offer,
                               event::Taken, event::CancelStream, event::JobEnded, event::Reloaded, event::DeviceLost, event::DeviceAppeared,
                               event::Readmit, event::Close, event::Tick>;

/// What the dispatcher is to do, in this order. Cleared by it, so that nothing is allocated in the long run.
struct Actions {
  /// Run `frames` (none: a probe with the known answer) as rows of one job.
  struct Start {
    JobId job;
    ExecutorId executor;
    std::uint32_t first_frame = 0;  ///< in `frames`
    std::uint32_t frame_count = 0;
  };
  /// The job's outputs, from row `row` on, are the frame's answer.
  struct Win {
    FrameId frame;
    JobId job;
    std::uint32_t row = 0;
  };
  /// It is the frame's turn; everything of it is settled.
  struct Deliver {
    FrameId frame;
    StreamId stream;
    std::uint64_t number = 0;
    Outcome outcome = Outcome::outputs;
    DeviceId device;
    std::uint32_t attempts = 0;
    TimePoint started;
    TimePoint ended;
    Status status;
  };
  struct Change {
    EventKind kind = EventKind::device;
    std::uint32_t subject = 0;  ///< place in the table of its kind
    const char* state = "";
    const char* was = "";
    std::string cause;
  };

  std::vector<Start> starts;
  std::vector<FrameId> frames;  ///< of all starts, one after the other
  std::vector<JobId> abandons;  ///< nobody waits for them any more; their `JobEnded` still comes
  std::vector<Win> wins;        ///< of the job whose end was told
  std::vector<Deliver> delivers;
  std::vector<FrameId> releases;    ///< no job reads their inputs any more and they have been delivered: the place is free
  std::vector<ExecutorId> reloads;  ///< give them a fresh instance and say `Reloaded`
  std::vector<ExecutorId> retired;
  std::vector<StreamId> room;    ///< streams whose queue had been full and has room now
  std::vector<StreamId> closed;  ///< closed streams that are answered whole: their place is free
  std::vector<Change> changes;
  FrameId accepted;  ///< by `Offer`; invalid: refused
  std::uint64_t accepted_number = 0;
  StreamId opened;  ///< by `OpenStream`

  void clear() noexcept;
};

}  // namespace polymetis::fleet
