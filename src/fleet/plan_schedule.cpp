// Who takes what: pull. An executor that has a place takes the next frame of its model; nobody hands out.

#include "fleet/plan.hpp"

namespace polymetis::fleet {

namespace {

constexpr Duration trickle_interval = std::chrono::milliseconds(500);

}  // namespace

bool Plan::takes(const Executor& executor) const noexcept {
  return executor.in_flight < executor.depth && executor.usable && !executor.retired && !executor.probing && !executor.reloading &&
         !executor.overtaken;
}

bool Plan::usable(DeviceId id) const noexcept {
  return !closed_ && (devices_[id].state == DeviceState::ready || devices_[id].state == DeviceState::suspect);
}

/// While a failure on it is unexplained an executor takes only frames that run again: a card that fails fast would else take them all.
bool Plan::trusted(const Executor& executor) const noexcept { return executor.holds == 0 && devices_[executor.device].hang_suspicions < 2; }

/// When a frame that it takes now would end; its own history, else that of the model's fastest.
TimePoint Plan::expected_end(const Executor& executor) const noexcept {
  const Duration typical = executor.bound.typical().count() > 0 ? executor.bound.typical() : models_[executor.model].fastest;
  if (executor.in_flight == 0) return now_ + typical;
  return std::max(now_, executor.head_since + typical) + typical * executor.in_flight;
}

/// The executor that would answer first; among those within about a quarter of it the one that has rested longest, so that light load is spread.
ExecutorId Plan::best_executor(ModelId id) const noexcept {
  ExecutorId best;
  Duration best_needs{0};
  TimePoint rests_since;
  Duration shortest = Duration::max();
  for (const ExecutorId e : models_[id].executors) {
    const Executor& executor = executors_[e];
    if (!takes(executor)) continue;
    const Duration needs = expected_end(executor) - now_;
    shortest = std::min(shortest, needs);
    const Duration good_enough = shortest + shortest / 4;
    if (best.valid() && best_needs <= good_enough && (needs > good_enough || executor.last_start >= rests_since)) continue;
    best = e;
    best_needs = needs;
    rests_since = executor.last_start;
  }
  return best;
}

/// What scheduling needs to know of all executors of a model; measured now and then, not for each frame.
void Plan::measure(ModelId id) noexcept {
  Model& model = models_[id];
  model.fastest = model.longest_bound = Duration{0};
  for (const ExecutorId e : model.executors) {
    const HangBound& bound = executors_[e].bound;
    if (bound.typical().count() == 0 || !usable(executors_[e].device)) continue;
    model.longest_bound = std::max(model.longest_bound, bound.bound());
    if (model.fastest.count() == 0 || bound.typical() < model.fastest) model.fastest = bound.typical();
  }
}

std::size_t Plan::window_frames(StreamId id) const noexcept {
  const Model& model = models_[streams_[id].options.model];
  return streams_[id].window.frames(model.executors.size(), model.longest_bound);
}

/// A slow card takes a frame only if that would end before the stream's window fills and idles the others.
bool Plan::fast_enough(const Executor& executor, StreamId id) const noexcept {
  const Stream& stream = streams_[id];
  if (executor.bound.typical() <= models_[executor.model].fastest * 3 / 2 || stream.window.rate() <= 0) return true;
  const auto inside = static_cast<std::size_t>(stream.next_start - stream.head_number);
  const std::size_t window = window_frames(id);
  const double fills_in_s = static_cast<double>(window - std::min(inside, window)) / stream.window.rate();
  return std::chrono::duration<double>(expected_end(executor) - now_).count() <= fills_in_s;
}

bool Plan::may_start(const Executor& executor, StreamId id) noexcept {
  Stream& stream = streams_[id];
  if (stream.waiting == 0) return false;
  const Model& model = models_[executor.model];
  const std::uint64_t inside = stream.next_start - stream.head_number;
  const bool consumer_is_behind = inside + stream.untaken >= stream.options.window_most;
  if (consumer_is_behind || !stream.window.has_room(inside, model.executors.size(), model.longest_bound)) {
    ++stream.window_binds;
    stream.consumer_binds += consumer_is_behind ? 1 : 0;
    return false;
  }
  if (stream.options.prefer.valid() && stream.options.prefer != executor.device) {
    const Device& preferred = devices_[stream.options.prefer];
    std::uint64_t keeps_up = 0;
    for (const ExecutorId e : preferred.executors)
      if (preferred.state == DeviceState::ready && executors_[e].model == executor.model) keeps_up += executors_[e].depth;
    if (stream.waiting <= keeps_up) return false;
  }
  return fast_enough(executor, id);
}

/// A frame that runs again, not where it failed unless there is no other card.
FrameId Plan::next_retry(ExecutorId id) {
  Model& model = models_[executors_[id].model];
  for (std::size_t i = 0; i < model.retries.size();) {
    const FrameId frame_id = model.retries[i];
    const Frame& frame = frames_[frame_id];
    if (frame.ended) {
      model.retries.erase(i);
      Frame& gone = frames_[frame_id];
      --gone.jobs;  // its place in this list counted as a reader
      release_if_done(frame_id);
      continue;
    }
    bool failed_here = false;
    for (std::uint32_t t = 0; t < frame.tried_count; ++t) failed_here |= executors_[frame.tried[t].executor].device == executors_[id].device;
    if (!failed_here || !other_card(frame, executors_[id].model)) {
      model.retries.erase(i);
      --frames_[frame_id].jobs;
      return frame_id;
    }
    ++i;
  }
  return {};
}

FrameId Plan::next_frame(ExecutorId id) {
  Executor& executor = executors_[id];
  Model& model = models_[executor.model];
  if (!model.retries.empty()) {
    if (const FrameId retry = next_retry(id); retry.valid()) return retry;
  }
  while (model.waiting > 0 && trusted(executor)) {
    const StreamId stream_id = model.queue.pick([&](StreamId s) { return may_start(executor, s); });
    if (!stream_id.valid()) break;
    const FrameId frame = take_waiting(stream_id);
    if (frames_[frame].deadline > now_) return frame;
    end_frame(frame, Outcome::late, Status(Code::runtime_error, "The frame's deadline passed before a card was free."));
  }
  return {};
}

/// The stream's oldest frame that waits, counted as started.
FrameId Plan::take_waiting(StreamId id) {
  Stream& stream = streams_[id];
  Model& model = models_[stream.options.model];
  FrameId frame;
  do frame = stream.order[stream.next_start++ - stream.head_number];
  while (frames_[frame].ended);
  --stream.waiting;
  --model.waiting;
  model.queue.charge(id, 1.0);
  room_made(stream, id, stream.options.queue_frames / 2);
  stream.queueing.add(now_ - frames_[frame].offered);
  return frame;
}

/// Whether a batch is full or has waited long enough.
bool Plan::batch_can_go(ModelId id) noexcept {
  const Model& model = models_[id];
  if (model.batch <= 1 || model.waiting + model.retries.size() >= model.batch || !model.retries.empty()) return true;
  TimePoint oldest = TimePoint::max();
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const Stream& stream = streams_[StreamId(i)];
    if (!stream.open || stream.waiting == 0 || stream.options.model != id) continue;
    for (std::uint64_t n = stream.next_start; n < stream.next_number; ++n) {
      const Frame& frame = frames_[stream.order[n - stream.head_number]];
      if (frame.ended) continue;
      oldest = std::min(oldest, frame.offered);
      break;
    }
  }
  if (oldest == TimePoint::max()) return true;
  if (oldest + model.batch_wait <= now_) return true;
  wake_at(oldest + model.batch_wait);
  return false;
}

JobId Plan::begin_job(ExecutorId id) {
  Executor& executor = executors_[id];
  const JobId job_id = jobs_.add();
  Job& job = jobs_[job_id];
  job.executor = id;
  job.incarnation = executor.incarnation;
  job.started = now_;
  if (executor.jobs.empty()) executor.head_since = now_;
  executor.jobs.push_back(job_id);
  ++executor.in_flight;
  executor.last_start = now_;
  wake_at(executor.head_since + executor.bound.bound());
  return job_id;
}

/// Starts one job with up to a batch of frames; false: there was nothing for it.
bool Plan::start_frames(ExecutorId id) {
  const ModelId model_id = executors_[id].model;
  if (!batch_can_go(model_id)) return false;
  FrameId frame = next_frame(id);
  if (!frame.valid()) return false;
  const JobId job_id = begin_job(id);
  Job& job = jobs_[job_id];
  const auto first = static_cast<std::uint32_t>(actions_->frames.size());
  for (; frame.valid(); frame = job.frames.size() < models_[model_id].batch ? next_frame(id) : FrameId{}) {
    Frame& running = frames_[frame];
    running.running = true;
    running.started = now_;
    ++running.jobs;
    ++running.attempts;
    job.frames.push_back(frame);
    actions_->frames.push_back(frame);
  }
  actions_->starts.push_back({job_id, id, first, static_cast<std::uint32_t>(job.frames.size())});
  return true;
}

/// Runs the known answer. Also how a card that is too slow to get frames shows that it has recovered.
void Plan::start_probe(ExecutorId id) {
  const JobId job_id = begin_job(id);
  jobs_[job_id].probe = true;
  executors_[id].probed_at = now_;
  actions_->starts.push_back({job_id, id, 0, 0});
}

void Plan::pull(ExecutorId id) {
  bool fed = true;
  while (takes(executors_[id]) && (fed = start_frames(id))) {
  }
  if (fed) return;
  const Model& model = models_[executors_[id].model];
  go_hungry(executors_[id].model);
  const Executor& executor = executors_[id];
  if (model.waiting > 0 && executor.in_flight == 0 && now_ - std::max(executor.last_start, executor.probed_at) >= trickle_interval) start_probe(id);
}

/// Gives frames to whoever has a place, who answers first first.
void Plan::pull_all(ModelId id) {
  Model& model = models_[id];
  if (model.stopped) return;
  model.hungry = false;
  while (model.waiting + model.retries.size() > 0) {
    const ExecutorId best = best_executor(id);
    if (!best.valid()) return;
    if (start_frames(best)) continue;
    // The best may be barred where another is not: a retry that failed there, a stream that prefers another device.
    for (const ExecutorId e : model.executors) pull(e);
    break;
  }
  go_hungry(id);
}

/// There was a place and no frame for it. What is missing may be a frame that waits outside of a queue (the rest of a batch, or the one of the thread
/// that also takes the results), so any room counts now.
void Plan::go_hungry(ModelId id) {
  models_[id].hungry = true;
  models_[id].queue.each([this](StreamId s) { room_made(streams_[s], s, streams_[s].options.queue_frames - 1); });
}

}  // namespace polymetis::fleet
