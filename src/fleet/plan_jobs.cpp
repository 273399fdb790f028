// How a run ended, and whose fault it was: success elsewhere puts the blame on the card, failure everywhere on the frame.

#include <fmt/format.h>

#include <algorithm>

#include "fleet/plan.hpp"

namespace polymetis::fleet {

namespace {

constexpr unsigned most_aborts = 8;      // times that a frame may lose its device before it fails
constexpr unsigned measure_every = 64;   // job ends
constexpr unsigned forgive_after = 100;  // successes that make up for one blamed frame of a model

}  // namespace

void Plan::job_ended(TimePoint now, const event::JobEnded& end, Actions& actions) {
  now_ = std::max(now, now_);
  actions_ = &actions;
  Job& job = jobs_[end.job];
  Executor& executor = executors_[job.executor];
  const ExecutorId executor_id = job.executor;
  const Status status = end.code == Code::ok ? Status() : Status(end.code, end.message);
  const bool current = job.incarnation == executor.incarnation;
  if (current) job_left(end.job, job);
  devices_[executor.device].busy += end.compute_ended - end.compute_started;
  executor.busy += end.compute_ended - end.compute_started;
  if (job.probe && current && !job.abandoned) probe_ended(executor_id, status);
  for (std::uint32_t row = 0; row < job.frames.size(); ++row) {
    const FrameId frame = job.frames[row];
    --frames_[frame].jobs;
    if (job.abandoned || frames_[frame].ended) {
      if (!job.abandoned && status.ok()) explain_failures(frame, true);
      release_if_done(frame);
    } else if (status.ok()) {
      actions_->wins.push_back({frame, end.job, row});
      frame_ran(frame, job);
    } else {
      run_failed(frame, job, status, false);
    }
  }
  jobs_.remove(end.job);
  if (Model& model = models_[executor.model]; model.until_measure-- == 0) {
    model.until_measure = measure_every;
    measure(executor.model);
  }
  if (executor.retired && current) retire_if_idle(executor_id);
  if (takes(executor)) pull(executor_id);
  settle_event();
}

/// Takes a job off its executor and learns how long it took.
void Plan::job_left(JobId id, Job& job) {
  Executor& executor = executors_[job.executor];
  for (std::size_t i = 0; i < executor.jobs.size(); ++i) {
    if (executor.jobs[i] != id) continue;
    executor.jobs.erase(i);
    --executor.in_flight;
    if (i > 0) return;
    if (!job.abandoned) executor.bound.add(now_ - executor.head_since);
    executor.head_since = now_;
    executor.overtaken = false;
    return;
  }
}

void Plan::frame_ran(FrameId id, const Job& run) {
  Frame& frame = frames_[id];
  Executor& executor = executors_[run.executor];
  Device& device = devices_[executor.device];
  Model& model = models_[executor.model];
  frame.device = executor.device;
  ++executor.frames;
  ++device.frames;
  if (++device.successes >= 50) device.strikes = device.successes = 0;
  if (model.blamed > 0 && ++model.successes >= forgive_after) {
    --model.blamed;
    model.successes = 0;
  }
  model.hung.clear();
  model.last_success = now_;
  explain_failures(id, true);
  const bool late = frame.deadline <= now_;
  end_frame(id, late ? Outcome::late : Outcome::outputs, late ? Status(Code::runtime_error, "The frame's deadline passed while it ran.") : Status());
}

/// Notes an unexplained failure and runs the frame elsewhere, or gives it up.
void Plan::run_failed(FrameId id, const Job& run, const Status& status, bool hung) {
  Frame& frame = frames_[id];
  const ExecutorId executor_id = run.executor;
  Executor& executor = executors_[executor_id];
  const DeviceId device_id = executor.device;
  const bool current = run.incarnation == executor.incarnation;
  frame.running = false;
  if (frame.cause.ok()) frame.cause = status;
  if (!current || status.code() == Code::connection_error) {  // no doubt who is to blame
    if (current) {
      ++devices_[device_id].failures;
      quarantine(device_id, std::string(status.message()));
    }
    ++frame.aborts;
    return run_again(id);
  }
  ++(hung ? frame.hangs : frame.errors);
  if (frame.tried_count < frame.tried.size()) {
    frame.tried[frame.tried_count++] = {executor_id, executor.incarnation, true, hung};
    hold(executor, hung);
    if (devices_[device_id].state == DeviceState::ready) set_state(device_id, DeviceState::suspect, std::string(status.message()));
  }
  const bool too_often = frame.errors + frame.hangs >= std::min<std::size_t>(options_.health.attempts_after_error, frame.tried.size()) ||
                         frame.hangs >= options_.health.attempts_after_hang;
  too_often ? blame_frame(id) : run_again(id);
}

/// Puts a frame first in its model's line, unless that is of no use any more.
void Plan::run_again(FrameId id) {
  Frame& frame = frames_[id];
  if (frame.ended) return;
  Stream& stream = streams_[frame.stream];
  Model& model = models_[stream.options.model];
  const Status cause = frame.cause;
  if (frame.aborts > most_aborts || model.stopped || stream.cancelled || stream.closing) return end_frame(id, Outcome::failed, cause);
  if (frame.deadline != TimePoint::max() && now_ + model.fastest > frame.deadline)
    return end_frame(id, Outcome::late,
                     Status(Code::runtime_error, "The frame's first run failed, and a second would have ended after its deadline.", cause));
  ++stream.retried;
  ++model.retried;
  ++frame.jobs;  // the line counts as a reader
  model.retries.push_back(id);
  model.dirty = true;
  check_card(stream.options.model);
}

/// A frame's failed runs are explained: by the devices that they were on, or by the frame.
void Plan::explain_failures(FrameId id, bool device_is_to_blame) {
  Frame& frame = frames_[id];
  for (std::uint32_t i = 0; i < frame.tried_count; ++i) {
    Attempt& attempt = frame.tried[i];
    Executor& executor = executors_[attempt.executor];
    if (!attempt.open) continue;
    attempt.open = false;
    if (attempt.incarnation != executor.incarnation) continue;  // loaded anew since: settled then
    let_off(executor, 1, attempt.hung ? 1 : 0);
    if (device_is_to_blame) {
      strike(executor.device, attempt.hung, std::string(frame.cause.message()));
    } else {
      if (executor.overtaken) reload(attempt.executor);
      calm(executor.device);
    }
  }
}

void Plan::blame_frame(FrameId id) {
  Frame& frame = frames_[id];
  const StreamId stream_id = frame.stream;
  const ModelId model_id = streams_[stream_id].options.model;
  const Status cause = frame.cause;
  const Status blamed(cause.code(), fmt::format("Frame {} of {} failed in {} runs, so the frame is taken to be the cause: {}", frame.number,
                                                streams_[stream_id].options.name, frame.errors + frame.hangs, cause.message()));
  frame.cause = blamed;
  end_frame(id, Outcome::failed, blamed);
  if (++models_[model_id].blamed >= options_.health.model_breaker) stop_model(model_id, blamed);
}

/// The oldest job of an executor has outlived its bound.
void Plan::overtake(ExecutorId id) {
  Executor& executor = executors_[id];
  const DeviceId device_id = executor.device;
  Device& device = devices_[device_id];
  ++device.hangs;
  const auto bound_ms = std::chrono::duration<double, std::milli>(executor.bound.bound()).count();
  const Status hung(Code::runtime_error,
                    fmt::format("A run on {} has not ended after {:.4g} ms, which is longer than any run there should take.", device.name, bound_ms));
  const JobId job_id = executor.jobs.front();
  if (jobs_[job_id].probe && !jobs_[job_id].abandoned) {
    if (executor.retired) reload(id);  // the device does not count it any more, and would leave its probe where it is
    return quarantine(device_id, std::string(hung.message()));
  }
  executor.overtaken = true;
  note_hang(executor.model, device_id, hung);
  for (std::size_t i = 1; i < executor.jobs.size(); ++i) abandon(executor.jobs[i], hung);
  Job& job = jobs_[job_id];
  if (job.abandoned) {  // nobody waits for it, so no frame will explain it: a fresh instance and its probe do
    reload(id);
    return calm(device_id);
  }
  job.abandoned = true;
  actions_->abandons.push_back(job_id);
  const unsigned before = executor.holds;
  for (const FrameId frame : job.frames)
    if (!frames_[frame].ended) run_failed(frame, job, hung, true);
  if (executor.overtaken && executor.holds == before) strike(device_id, true, std::string(hung.message()));  // no frame that could explain it
  bool none_left = true;
  for (const ExecutorId e : devices_[device_id].executors) none_left &= executors_[e].overtaken;
  if (none_left && usable(device_id)) quarantine(device_id, std::string(hung.message()));
}

/// Frames that hang one card after the other while none succeeds anywhere: the model is stopped before it has taken all cards.
void Plan::note_hang(ModelId id, DeviceId device, const Status& hung) {
  Model& model = models_[id];
  if (std::find(model.hung.begin(), model.hung.end(), device) == model.hung.end()) model.hung.push_back(device);
  std::vector<DeviceId> all;
  for (const ExecutorId e : model.executors)
    if (std::find(all.begin(), all.end(), executors_[e].device) == all.end()) all.push_back(executors_[e].device);
  const std::size_t too_many = std::clamp<std::size_t>(all.size() - 1, 2, std::max(2U, options_.health.model_breaker));
  if (model.hung.size() >= too_many && now_ - model.last_success > model.longest_bound / 2) stop_model(id, hung);
}

/// Nobody waits for this job any more, through no fault of its frames: they run elsewhere.
void Plan::abandon(JobId id, const Status& status) {
  Job& job = jobs_[id];
  if (job.abandoned) return;
  job.abandoned = true;
  actions_->abandons.push_back(id);
  for (const FrameId frame : job.frames) {
    if (frames_[frame].ended) continue;
    frames_[frame].running = false;
    ++frames_[frame].aborts;
    if (frames_[frame].cause.ok()) frames_[frame].cause = status;
    run_again(frame);
  }
}

bool Plan::other_card(const Frame& frame, ModelId model) const noexcept {
  for (const ExecutorId e : models_[model].executors) {
    const DeviceId device = executors_[e].device;
    if (!usable(device) || executors_[e].overtaken || executors_[e].probing) continue;
    bool tried = false;
    for (std::uint32_t i = 0; i < frame.tried_count; ++i) tried |= executors_[frame.tried[i].executor].device == device;
    if (!tried) return true;
  }
  return false;
}

}  // namespace polymetis::fleet
