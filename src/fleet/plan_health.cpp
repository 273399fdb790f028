// The life of devices and models: ready -> suspect -> quarantined -> probing -> ready, or lost.

#include <fmt/format.h>

#include "fleet/plan.hpp"

namespace polymetis::fleet {

namespace {

constexpr unsigned most_strikes = 3;

}  // namespace

void Plan::set_state(DeviceId id, DeviceState state, std::string cause) {
  Device& device = devices_[id];
  if (device.state == state) return;
  actions_->changes.push_back({EventKind::device, id.value, device_state_name(state), device_state_name(device.state), cause});
  device.state = state;
  device.cause = state == DeviceState::ready ? std::string() : std::move(cause);
  device.since = now_;
  for (const ExecutorId e : device.executors) {
    executors_[e].usable = usable(id);
    measure(executors_[e].model);
    models_[executors_[e].model].dirty = true;
  }
}

/// A failure was this device's own.
void Plan::strike(DeviceId id, bool hung, const std::string& cause) {
  Device& device = devices_[id];
  ++device.failures;
  ++device.strikes;
  device.successes = 0;
  if (hung || (device.strikes >= most_strikes && !is_last_ready(id))) return quarantine(id, cause);
  calm(id);
}

/// Back to ready when nothing is unexplained any more.
void Plan::calm(DeviceId id) {
  const Device& device = devices_[id];
  if (device.state == DeviceState::suspect && device.suspicions == 0) set_state(id, DeviceState::ready, "No failure on it is unexplained any more.");
}

bool Plan::is_last_ready(DeviceId id) const noexcept {
  for (std::size_t i = 0; i < devices_.size(); ++i)
    if (DeviceId(i) != id && usable(DeviceId(i)) && !devices_[DeviceId(i)].executors.empty()) return false;
  return true;
}

void Plan::quarantine(DeviceId id, const std::string& cause) {
  Device& device = devices_[id];
  if (device.state == DeviceState::quarantined || device.state == DeviceState::lost) return;
  const bool was_well = usable(id) && now_ - device.since > 10 * device.backoff;
  device.backoff =
      device.backoff.count() == 0 || was_well ? options_.health.first_backoff : std::min(device.backoff * 2, options_.health.longest_backoff);
  device.probe_at = now_ + device.backoff;
  wake_at(device.probe_at);
  set_state(id, DeviceState::quarantined, cause);
  withdraw(id, cause);
}

void Plan::lose(DeviceId id, const std::string& cause) {
  if (devices_[id].state == DeviceState::lost) return;
  devices_[id].probe_at = TimePoint::max();
  set_state(id, DeviceState::lost, cause);
  withdraw(id, cause);
}

/// Takes all work off a device; what it still holds is abandoned and its late answers count for nothing.
void Plan::withdraw(DeviceId id, const std::string& cause) {
  const Status status(Code::connection_error, fmt::format("{} was taken out of service: {}", devices_[id].name, cause));
  devices_[id].strikes = 0;
  for (const ExecutorId e : devices_[id].executors) {
    executors_[e].probing = true;
    executors_[e].overtaken = false;
    clear(executors_[e], status);
    retire_if_idle(e);
  }
  for (std::size_t m = 0; m < models_.size(); ++m) check_card(ModelId(m));
}

/// A failure on an executor waits for its explanation.
void Plan::hold(Executor& executor, bool hung) noexcept {
  ++executor.holds;
  ++devices_[executor.device].suspicions;
  executor.hang_holds += hung ? 1 : 0;
  devices_[executor.device].hang_suspicions += hung ? 1 : 0;
}

/// Failures on an executor are explained, or of no interest any more: its device's executors may take new frames again.
void Plan::let_off(Executor& executor, unsigned failures, unsigned hangs) noexcept {
  executor.holds -= failures;
  executor.hang_holds -= hangs;
  Device& device = devices_[executor.device];
  device.suspicions -= failures;
  device.hang_suspicions -= hangs;
  for (const ExecutorId e : device.executors) models_[executors_[e].model].dirty = true;
}

/// Gives up what an executor holds; the ends of those jobs count for nothing any more.
void Plan::clear(Executor& executor, const Status& status) {
  ++executor.incarnation;
  executor.in_flight = 0;
  let_off(executor, executor.holds, executor.hang_holds);
  Ring<JobId> jobs;
  std::swap(jobs, executor.jobs);
  while (!jobs.empty()) abandon(jobs.pop_front(), status);
}

void Plan::begin_probing(DeviceId id) {
  if (closed_) return;
  devices_[id].probe_at = TimePoint::max();
  set_state(id, DeviceState::probing, devices_[id].cause);
  for (const ExecutorId e : devices_[id].executors) reload(e);
  ready_if_probed(id);  // with no executor there is nothing to probe
}

/// Asks for a fresh instance, but for one that is retired; what the old one holds is given up.
void Plan::reload(ExecutorId id) {
  Executor& executor = executors_[id];
  if (executor.reloading) return;
  if (executor.retired) {
    clear(executor, Status(Code::runtime_error, "The instance was taken away."));
    return retire_if_idle(id);
  }
  executor.probing = executor.reloading = true;
  executor.overtaken = false;
  clear(executor, Status(Code::runtime_error, "The instance was loaded anew."));
  actions_->reloads.push_back(id);
}

void Plan::reloaded(const event::Reloaded& done) {
  Executor& executor = executors_[done.executor];
  executor.reloading = false;
  const DeviceState state = devices_[executor.device].state;
  if (executor.retired) return retire_if_idle(done.executor);
  if (closed_ || state == DeviceState::quarantined || state == DeviceState::lost) return;
  if (done.code != Code::ok && done.code != Code::connection_error && !executor.loaded) return leave_out(done.executor, done.message);
  if (done.code != Code::ok) return quarantine(executor.device, done.message);
  fit(executor, done.depth, done.hang_floor);
  start_probe(done.executor);
}

/// An instance that was to follow once its device answered cannot be loaded there, as when it is added to one that does: the others keep the device.
void Plan::leave_out(ExecutorId id, const std::string& cause) {
  const Executor& executor = executors_[id];
  actions_->changes.push_back({EventKind::placement, executor.model.value, "adjusted", "",
                               fmt::format("An instance on {} could not be loaded: {}", devices_[executor.device].name, cause)});
  retire(id);
}

void Plan::probe_ended(ExecutorId id, const Status& status) {
  Executor& executor = executors_[id];
  if (!status.ok()) {
    ++devices_[executor.device].failures;
    return quarantine(executor.device, std::string(status.message()));
  }
  const bool first = executor.probing;
  executor.probing = false;
  if (!first) return;
  models_[executor.model].dirty = true;
  measure(executor.model);
  ready_if_probed(executor.device);
}

void Plan::ready_if_probed(DeviceId id) {
  Device& device = devices_[id];
  if (device.state != DeviceState::probing) return;
  for (const ExecutorId e : device.executors)
    if (executors_[e].probing || executors_[e].reloading) return;
  device.readmissions += device.admitted ? 1 : 0;
  device.admitted = true;
  set_state(id, DeviceState::ready, "Its instances answer the known input rightly.");
  for (std::size_t m = 0; m < models_.size(); ++m) check_card(ModelId(m));
}

void Plan::readmit(const event::Readmit& wish) {
  if (wish.device.valid() && devices_[wish.device].state == DeviceState::quarantined) begin_probing(wish.device);
  if (wish.model.valid() && models_[wish.model].stopped) resume_model(wish.model);
}

/// The breaker: frames of this model keep failing or hanging every card, so none is run for a while.
void Plan::stop_model(ModelId id, const Status& cause) {
  Model& model = models_[id];
  if (model.stopped) return;
  model.stopped = true;
  model.cause = Status(
      cause.code(), fmt::format("Model {} was stopped, since its frames failed or hung one card after the other: {}", model.name, cause.message()));
  model.backoff = model.backoff.count() == 0 ? options_.health.first_backoff : std::min(model.backoff * 2, options_.health.longest_backoff);
  model.resume_at = now_ + model.backoff;
  wake_at(model.resume_at);
  actions_->changes.push_back({EventKind::model, id.value, "stopped", "ready", model.cause.to_string()});
  fail_waiting(id, model.cause);
}

void Plan::resume_model(ModelId id) {
  Model& model = models_[id];
  model.stopped = false;
  model.blamed = options_.health.model_breaker - 1;  // the next one stops it again
  model.successes = 0;
  model.cause = Status();
  model.resume_at = TimePoint::max();
  model.dirty = true;
  actions_->changes.push_back({EventKind::model, id.value, "ready", "stopped", "it is tried again"});
}

bool Plan::has_card(ModelId id) const noexcept {
  for (const ExecutorId e : models_[id].executors) {
    const Device& device = devices_[executors_[e].device];
    if (usable(executors_[e].device) || (device.state == DeviceState::probing && !device.admitted)) return true;
  }
  return false;
}

/// Frames for which no card is left wait `no_card_wait`, then fail with the first cause.
void Plan::check_card(ModelId id) {
  Model& model = models_[id];
  if (has_card(id)) {
    model.no_card_since = TimePoint::max();
    return;
  }
  if (model.no_card_since == TimePoint::max()) model.no_card_since = now_;
  if (now_ - model.no_card_since < options_.no_card_wait) return wake_at(model.no_card_since + options_.no_card_wait);
  std::string why;
  for (const ExecutorId e : model.executors) {
    const Device& device = devices_[executors_[e].device];
    const std::string_view cause = std::string_view(device.cause).substr(0, device.cause.find_last_not_of('.') + 1);
    if (why.find(device.name) == std::string::npos)
      why += fmt::format(" {} is {}{}{};", device.name, device_state_name(device.state), cause.empty() ? "" : ": ", cause);
  }
  if (why.empty()) why = " none was given to it;";
  why.back() = '.';
  fail_waiting(id, Status(Code::connection_error, fmt::format("No card is left for model {}:{}", model.name, why)));
}

/// Ends all frames of a model that wait, those that were to run again with their own first cause.
void Plan::fail_waiting(ModelId id, const Status& status) {
  Model& model = models_[id];
  while (!model.retries.empty()) {
    const FrameId frame = model.retries.pop_front();
    --frames_[frame].jobs;
    frames_[frame].ended ? release_if_done(frame) : end_frame(frame, Outcome::failed, status);
  }
  if (model.waiting == 0) return;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[StreamId(i)];
    if (!stream.open || stream.options.model != id) continue;
    for (std::uint64_t n = stream.next_start; n < stream.next_number; ++n) {
      const FrameId frame = stream.order[n - stream.head_number];
      if (!frames_[frame].ended) end_waiting(frame, Outcome::failed, status);
    }
  }
}

void Plan::tick_executor(ExecutorId id, TimePoint due) {
  Executor& executor = executors_[id];
  if (executor.jobs.empty() || executor.overtaken) return;
  const Duration bound = executor.bound.bound();
  // The tick itself came late: this computer had no time, so the job gets what it missed.
  if (const Duration late = now_ - std::min(due, now_); due != TimePoint::max() && late > bound / 4)
    executor.head_since = std::min(now_, executor.head_since + late);
  if (now_ - executor.head_since < bound) return wake_at(executor.head_since + bound);
  overtake(id);
}

void Plan::tick_device(DeviceId id) {
  Device& device = devices_[id];
  if (device.state == DeviceState::quarantined) {
    if (now_ < device.probe_at) return wake_at(device.probe_at);
    return begin_probing(id);
  }
  const Duration interval = options_.health.probe_interval;
  if (device.state != DeviceState::ready || interval.count() == 0) return;
  for (const ExecutorId e : device.executors) {
    Executor& executor = executors_[e];
    if (now_ - executor.probed_at >= interval && takes(executor)) start_probe(e);
    wake_at(std::max(executor.probed_at + interval, now_ + interval / 8));
  }
}

void Plan::tick_model(ModelId id) {
  Model& model = models_[id];
  if (model.stopped && now_ >= model.resume_at) resume_model(id);
  if (model.stopped) wake_at(model.resume_at);
  if (model.no_card_since != TimePoint::max() && model.waiting + model.retries.size() > 0) check_card(id);
  if (model.waiting + model.retries.size() == 0) return;
  model.dirty = true;
  wake_at(now_ + look_again);
}

}  // namespace polymetis::fleet
