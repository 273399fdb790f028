#include "fleet/plan.hpp"

#include <fmt/format.h>

namespace polymetis::fleet {

namespace {

template <class Counts>
void count(Outcome outcome, Counts& counts) noexcept {
  switch (outcome) {
    case Outcome::outputs:
      ++counts.outputs;
      break;
    case Outcome::dropped:
      ++counts.dropped;
      break;
    case Outcome::late:
      ++counts.late;
      break;
    case Outcome::failed:
      ++counts.failed;
      break;
  }
}

}  // namespace

void Actions::clear() noexcept {
  starts.clear();
  frames.clear();
  abandons.clear();
  wins.clear();
  delivers.clear();
  releases.clear();
  reloads.clear();
  retired.clear();
  room.clear();
  closed.clear();
  changes.clear();
  accepted = {};
  opened = {};
}

/// All that neither `accept` nor `end_frame` sets.
void Plan::Frame::reset() noexcept {
  deadline = TimePoint::max();
  started = {};
  ended = delivered = running = false;
  device = {};
  cause = Status();
  jobs = attempts = errors = hangs = aborts = tried_count = 0;
}

void Plan::Job::reset() noexcept {
  executor = {};
  incarnation = 0;
  probe = abandoned = false;
  started = {};
  frames.clear();
}

Plan::Plan(const PlanOptions& options) : options_(options) {}

void Plan::apply(TimePoint now, const PlanEvent& event, Actions& actions) {
  now_ = std::max(now, now_);
  actions_ = &actions;
  std::visit(
      [this](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, event::Offer>) {
          accept(e);
        } else if constexpr (std::is_same_v<E, event::JobEnded>) {
          job_ended(now_, e, *actions_);
        } else if constexpr (std::is_same_v<E, event::Taken>) {
          taken(now_, e, *actions_);
        } else if constexpr (std::is_same_v<E, event::OpenStream>) {
          open(e);
        } else if constexpr (std::is_same_v<E, event::CancelStream>) {
          cancel(e);
        } else if constexpr (std::is_same_v<E, event::RetireExecutor>) {
          retire(e.executor);
        } else if constexpr (std::is_same_v<E, event::Close>) {
          close(e);
        } else if constexpr (std::is_same_v<E, event::Reloaded>) {
          reloaded(e);
        } else if constexpr (std::is_same_v<E, event::DeviceLost>) {
          lose(e.device, e.cause);
        } else if constexpr (std::is_same_v<E, event::DeviceAppeared>) {
          if (devices_[e.device].state == DeviceState::lost) begin_probing(e.device);
        } else if constexpr (std::is_same_v<E, event::Readmit>) {
          readmit(e);
        } else if constexpr (std::is_same_v<E, event::Tick>) {
          tick(wakeup_);
        } else {
          add(e);
        }
      },
      event);
  settle_event();
}

void Plan::offer(TimePoint now, const event::Offer& offered, Actions& actions) {
  now_ = std::max(now, now_);
  actions_ = &actions;
  accept(offered);
  settle_event();
}

void Plan::taken(TimePoint now, const event::Taken& taken, Actions& actions) {
  now_ = std::max(now, now_);
  actions_ = &actions;
  Stream& stream = streams_[taken.stream];
  const bool bound = stream.untaken + stream.order.size() >= stream.options.window_most;
  stream.untaken -= std::min<std::uint64_t>(stream.untaken, taken.count);
  if (bound && stream.waiting > 0) models_[stream.options.model].dirty = true;
  settle_event();
}

/// Lets frames start wherever the event made that possible; until nothing changes any more.
void Plan::settle_event() {
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = 0; i < models_.size(); ++i) {
      Model& model = models_[ModelId(i)];
      if (!model.dirty) continue;
      model.dirty = false;
      again = true;
      pull_all(ModelId(i));
    }
  }
}

void Plan::add(const event::AddDevice& added) {
  Device& device = devices_[devices_.add()];
  device.name = added.name;
  device.board = added.board;
  device.since = now_;
}

void Plan::add(const event::AddModel& added) {
  Model& model = models_[models_.add()];
  model.name = added.name;
  model.batch = std::max(added.batch, 1U);
  model.batch_wait = added.batch_wait;
}

void Plan::add(const event::AddExecutor& added) {
  const ExecutorId id = executors_.add();
  Executor& executor = executors_[id];
  executor.device = added.device;
  executor.model = added.model;
  if (added.trouble.empty()) fit(executor, added.depth, added.hang_floor);
  devices_[added.device].executors.push_back(id);
  models_[added.model].executors.push_back(id);
  executor.usable = usable(added.device);
  if (!added.trouble.empty()) return quarantine(added.device, added.trouble);
  const DeviceState state = devices_[added.device].state;
  if (state != DeviceState::quarantined && state != DeviceState::lost) start_probe(id);
}

/// What a fresh instance says of itself; what is known of the executor's times stays.
void Plan::fit(Executor& executor, std::uint32_t depth, Duration hang_floor) {
  executor.loaded = true;
  executor.depth = std::max(depth, 1U);
  executor.bound.set(std::max(hang_floor, options_.health.hang_floor), options_.health.hang_factor);
}

void Plan::retire(ExecutorId id) {
  Executor& executor = executors_[id];
  if (executor.retired) return;
  executor.retired = true;
  std::erase(models_[executor.model].executors, id);
  std::erase(devices_[executor.device].executors, id);
  measure(executor.model);
  retire_if_idle(id);
  ready_if_probed(executor.device);
  check_card(executor.model);
}

void Plan::retire_if_idle(ExecutorId id) {
  if (executors_[id].retired && executors_[id].in_flight == 0 && !executors_[id].reloading) actions_->retired.push_back(id);
}

void Plan::open(const event::OpenStream& opened) {
  const StreamId id = streams_.add();
  Stream& stream = streams_[id];
  stream.options = opened;
  actions_->opened = id;
  stream.open = true;
  stream.window = Window(std::max<std::uint64_t>(opened.window_most, 1), opened.window_frames);
  models_[opened.model].queue.add(id, opened.priority, opened.weight);
}

void Plan::accept(const event::Offer& offered) {
  Stream& stream = streams_[offered.stream];
  Model& model = models_[stream.options.model];
  const bool full = stream.waiting >= stream.options.queue_frames;
  if (full && stream.options.overload == Overload::block) {
    stream.full = true;
    return;
  }
  const FrameId id = frames_.add();
  Frame& frame = frames_[id];
  frame.stream = offered.stream;
  frame.number = stream.next_number++;
  frame.captured = offered.captured;
  frame.offered = now_;
  frame.deadline = offered.deadline;
  frame.takes = offered.takes;
  stream.order.push_back(id);
  if (stream.waiting++ == 0) model.queue.wake(offered.stream);
  ++model.waiting;
  actions_->accepted = id;
  actions_->accepted_number = frame.number;
  if (frame.deadline != TimePoint::max()) wake_at(frame.deadline);
  if (model.stopped) {
    end_waiting(id, Outcome::failed, model.cause);
  } else if (frame.deadline <= now_) {
    end_waiting(id, Outcome::late, Status(Code::runtime_error, "The frame's deadline had passed when it was submitted."));
  } else if (full && stream.options.overload == Overload::drop_newest) {
    end_waiting(id, Outcome::dropped, {});
  } else if (full) {
    for (std::uint64_t n = stream.next_start;; ++n) {
      const FrameId oldest = stream.order[n - stream.head_number];
      if (frames_[oldest].ended) continue;
      end_waiting(oldest, Outcome::dropped, {});
      break;
    }
  }
  if (model.hungry) model.dirty = true;
  wake_at(now_ + look_again);
  if (model.no_card_since != TimePoint::max() || model.executors.empty()) check_card(stream.options.model);
}

void Plan::cancel(const event::CancelStream& cancelled) {
  Stream& stream = streams_[cancelled.stream];
  if (!stream.open) return;
  stream.cancelled = true;  // no retry of what runs is begun any more
  for (std::uint64_t n = stream.next_start; n < stream.next_number; ++n) {
    const FrameId id = stream.order[n - stream.head_number];
    if (!frames_[id].ended) end_waiting(id, Outcome::dropped, {});
  }
  stream.cancelled = cancelled.close != 0;
  if (cancelled.close != 0) {
    stream.closing = true;
    stream.untaken = 0;
    close_if_done(cancelled.stream);
  }
}

void Plan::close(const event::Close& closed) {
  const Status cause(Code::runtime_error, closed.cause);
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[StreamId(i)];
    if (!stream.open) continue;
    cancel({StreamId(i), 0});
    for (std::uint64_t n = stream.head_number; n < stream.next_number; n = std::max(n + 1, stream.head_number)) {
      const FrameId id = stream.order[n - stream.head_number];
      if (!frames_[id].ended) end_frame(id, Outcome::failed, cause);
    }
  }
  closed_ = true;
  for (std::size_t i = 0; i < devices_.size(); ++i) withdraw(DeviceId(i), closed.cause);
}

/// Ends a frame that has not started.
void Plan::end_waiting(FrameId id, Outcome outcome, const Status& status) {
  Stream& stream = streams_[frames_[id].stream];
  --stream.waiting;
  --models_[stream.options.model].waiting;
  room_made(stream, frames_[id].stream, stream.options.queue_frames / 2);
  end_frame(id, outcome, status);
}

void Plan::end_frame(FrameId id, Outcome outcome, const Status& status) {
  Frame& frame = frames_[id];
  Stream& stream = streams_[frame.stream];
  frame.ended = true;
  frame.outcome = outcome;
  frame.ended_at = now_;
  if (frame.cause.ok()) frame.cause = status;
  Model& model = models_[stream.options.model];
  ++stream.ended;
  count(outcome, stream);
  count(outcome, model);
  count(outcome, totals_);
  if (outcome == Outcome::outputs) {
    stream.latency.add(now_ - frame.captured);
    model.latency.add(now_ - frame.captured);
    stream.window.ended(now_, model.longest_bound);
  }
  if (outcome != Outcome::outputs) {
    explain_failures(id, outcome != Outcome::failed);
    if (outcome == Outcome::dropped && frame.cause.ok())
      frame.cause = Status(Code::runtime_error, "The frame was dropped: its stream's queue was full or it was cancelled.");
  }
  advance(frame.stream);
}

/// Delivers what is at the head of the stream and has ended.
void Plan::advance(StreamId id) {
  Stream& stream = streams_[id];
  bool moved = false;
  while (!stream.order.empty() && frames_[stream.order.front()].ended) {
    const FrameId head = stream.order.pop_front();
    Frame& frame = frames_[head];
    stream.next_start = std::max(stream.next_start, frame.number + 1);
    stream.head_number = frame.number + 1;
    frame.delivered = true;
    stream.untaken += frame.takes;
    actions_->delivers.push_back({head, id, frame.number, frame.outcome, frame.device, frame.attempts, frame.started, frame.ended_at,
                                  frame.outcome == Outcome::outputs ? Status() : frame.cause});
    release_if_done(head);
    moved = true;
  }
  if (moved && stream.waiting > 0 && models_[stream.options.model].hungry) models_[stream.options.model].dirty = true;
  if (stream.closing) close_if_done(id);
}

void Plan::release_if_done(FrameId id) {
  Frame& frame = frames_[id];
  if (!frame.delivered || frame.jobs > 0) return;
  frame.cause = Status();
  actions_->releases.push_back(id);
  frames_.remove(id);
}

void Plan::close_if_done(StreamId id) {
  Stream& stream = streams_[id];
  if (!stream.open || !stream.closing || !stream.order.empty()) return;
  stream.open = false;
  models_[stream.options.model].queue.remove(id);
  actions_->closed.push_back(id);
  streams_.remove(id);
}

/// Whoever waits for room is told of it when no more than `most_waiting` frames wait: half the queue in the usual case, so that he is woken once for
/// several frames.
void Plan::room_made(Stream& stream, StreamId id, std::uint64_t most_waiting) {
  if (!stream.full || stream.waiting > most_waiting) return;
  stream.full = false;
  actions_->room.push_back(id);
}

void Plan::tick(TimePoint due) {
  wakeup_ = TimePoint::max();
  for (std::size_t i = 0; i < executors_.size(); ++i) tick_executor(ExecutorId(i), due);
  for (std::size_t i = 0; i < devices_.size(); ++i) tick_device(DeviceId(i));
  for (std::size_t i = 0; i < streams_.size(); ++i) tick_stream(StreamId(i));
  for (std::size_t i = 0; i < models_.size(); ++i) tick_model(ModelId(i));
}

/// Answers what is past its deadline in its place, running or not.
void Plan::tick_stream(StreamId id) {
  Stream& stream = streams_[id];
  if (!stream.open) return;
  for (std::uint64_t n = stream.head_number; n < stream.next_number && stream.open; n = std::max(n + 1, stream.head_number)) {
    const FrameId frame_id = stream.order[n - stream.head_number];
    Frame& frame = frames_[frame_id];
    if (frame.ended || frame.deadline == TimePoint::max()) continue;
    if (frame.deadline > now_) {
      wake_at(frame.deadline);
      continue;
    }
    const Status late(Code::runtime_error, "The frame's deadline passed before it was answered.");
    n >= stream.next_start ? end_waiting(frame_id, Outcome::late, late) : end_frame(frame_id, Outcome::late, late);
  }
}

}  // namespace polymetis::fleet
