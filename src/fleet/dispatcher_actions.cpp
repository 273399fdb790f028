// What the plan decided, carried out: under the lock what must be, the rest on this thread's list.

#include <fmt/format.h>

#include "fleet/dispatcher.hpp"

namespace polymetis::fleet {

/// Turns the plan's decisions into what is done under the lock, and adds the rest to this thread's list.
void Dispatcher::carry_out() {
  Todo& todo = Todo::of_this_thread();
  todo.keep(*this);
  if (actions_.opened.valid()) {
    if (open_streams_.size() <= actions_.opened.value) open_streams_.resize(actions_.opened.value + 1);
    opened_->id = actions_.opened;
    open_streams_[actions_.opened.value] = std::move(opened_);
  }
  TensorSet* const output = ended_output_;
  for (const auto& win : actions_.wins) {
    FrameRecord& frame = frames_[win.frame.value];
    JobRecord& job = jobs_[win.job.value];
    // The first takes over the job's own reference.
    if (std::exchange(ended_output_, nullptr) == nullptr) output->hold();
    frame.output = output;
    frame.row = win.row;
    frame.executor = job.executor;
    frame.stamps = job.stamps;
  }
  for (const auto& delivered : actions_.delivers) deliver(delivered, todo);
  for (const FrameId id : actions_.releases) {
    FrameRecord& frame = frames_[id.value];
    if (frame.input != nullptr) std::exchange(frame.input, nullptr)->let_go();
    if (frame.output != nullptr) std::exchange(frame.output, nullptr)->let_go();
  }
  for (const auto& start : actions_.starts) prepare(start, todo);
  for (const JobId id : actions_.abandons) {
    JobRecord& job = jobs_[id.value];
    job.abandoned = true;
    if (job.inside != device::JobId::none) todo.abandons.push_back({job.instance, job.inside});
  }
  for (const ExecutorId id : actions_.reloads) {
    ++reloads_out_;
    todo.reloads.push_back({this, id});
  }
  for (const ExecutorId id : actions_.retired) {
    todo.ends.push_back(std::move(executors_[id.value].instance));
    todo.ends.push_back(std::move(executors_[id.value].lease));
    executors_[id.value].loader = nullptr;
    wake(retire_waiters_);
  }
  for (const StreamId id : actions_.room) wake_one(open_streams_[id.value]->room_waiters);
  for (const StreamId id : actions_.closed) {
    StreamRecord& stream = *open_streams_[id.value];
    stream.answered = true;
    models_[plan_.streams()[id].options.model.value].spare_outputs.push_back(stream.outputs);
    stream.refuses.store(true, std::memory_order_release);
    wake(stream.result_waiters);
    wake(stream.room_waiters);
    todo.ends.push_back(std::move(open_streams_[id.value]));
  }
  for (const auto& change : actions_.changes) announce(change);
  actions_.clear();
  arm();
  update_life();
}

/// Makes a job's record; the device gets it outside the lock.
void Dispatcher::prepare(const Actions::Start& start, Todo& todo) {
  JobRecord& job = jobs_.grown_to(start.job.value);
  ExecutorRecord& executor = executors_[start.executor.value];
  ModelRecord& model = models_[executor.model.value];
  job.dispatcher = this;
  job.job = start.job;
  job.executor = start.executor;
  job.inside = device::JobId::none;
  job.queued = last_now_;
  job.abandoned = false;
  job.probe = start.frame_count == 0;
  job.instance = executor.instance;
  TensorPool* outputs = model.outputs.get();
  job.gather.clear();
  Submitter submitter = Submitter::continues;
  const auto* frames = actions_.frames.data() + start.first_frame;
  if (job.probe) {
    job.inputs = model.probe->buffers();
  } else if (model.model->batch == 1) {
    job.inputs = frames_[frames->value].input->buffers();
    outputs = open_streams_[plan_.frames()[*frames].stream.value]->outputs.get();
    submitter = std::exchange(frames_[frames->value].submitter, Submitter::continues);
  } else {
    job.input = model.inputs->take(TensorPool::Limit::exceed);
    job.inputs = job.input->buffers();
    for (std::uint32_t i = 0; i < start.frame_count; ++i) job.gather.push_back(frames_[frames[i].value].input);
  }
  job.output = outputs->take(TensorPool::Limit::exceed);
  job.outputs = job.output->buffers();
  const std::uint64_t serial = job.serial.load(std::memory_order_relaxed) + 1;
  job.serial.store(serial, std::memory_order_relaxed);
  ++jobs_out_;
  todo.starts.push_back({this, &job, serial, submitter});
}

void Dispatcher::start(JobRecord& job, std::uint64_t serial, Submitter submitter) {
  for (std::size_t row = 0; row < job.gather.size(); ++row) {
    const auto to = job.input->row(row);
    const auto from = job.gather[row]->row(0);
    for (std::size_t t = 0; t < to.size(); ++t) std::copy(from[t].begin(), from[t].end(), to[t].begin());
  }
  const std::shared_ptr<device::Instance>& instance = job.instance;
  const device::JobRequest request{.inputs = job.inputs,
                                   .outputs = job.outputs,
                                   .submitter = submitter,
                                   .queued = job.queued,
                                   .done =
                                       [](void* record, const Status& status, const Stamps& stamps) noexcept {
                                         auto& ended = *static_cast<JobRecord*>(record);
                                         ended.dispatcher->job_done(ended, status, stamps);
                                       },
                                   .argument = &job};
  const device::JobId inside = instance->submit(request);
  if (inside == device::JobId::none)
    return job_done(job, Status(Code::internal_error, "The instance had no place for a job that the plan gave it."), {});
  if (job.serial.load(std::memory_order_acquire) != serial) return;  // it has ended, and the record may serve another
  base::MutexLock lock(mutex_);
  if (job.serial.load(std::memory_order_relaxed) != serial) return;
  job.inside = inside;
  if (job.abandoned) Todo::of_this_thread().abandons.push_back({job.instance, inside});
}

void Dispatcher::job_done(JobRecord& job, const Status& status, const Stamps& stamps) noexcept {
  const std::uint64_t answer = job.probe && status.ok() ? digest_of(job.outputs) : 0;
  std::shared_ptr<device::Instance> instance;  // let go outside the lock
  {
    base::MutexLock lock(mutex_);
    const TimePoint now = host_->now();
    event::JobEnded end{job.job, status.code(), status.ok() ? std::string() : status.to_string(), stamps.compute_started, stamps.compute_ended};
    const ExecutorRecord& executor = executors_[job.executor.value];
    if (job.probe && status.ok() && !models_[executor.model.value].known.is_right(executor.device, answer)) {
      end.code = Code::runtime_error;
      end.message = "It computes wrongly: its answer to the known input differs from the other cards'.";
    }
    job.serial.store(job.serial.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    job.stamps = stamps;
    --jobs_out_;
    // The plan may give the record to another job at once: what this one holds is let go after the wins have taken theirs.
    TensorSet* const input = std::exchange(job.input, nullptr);
    ended_output_ = job.output;
    instance = std::move(job.instance);
    decide(now, end);
    if (input != nullptr) input->let_go();
    if (ended_output_ != nullptr) std::exchange(ended_output_, nullptr)->let_go();
  }
  Todo::of_this_thread().run();
}

void Dispatcher::deliver(const Actions::Deliver& delivered, Todo& todo) {
  FrameRecord& frame = frames_[delivered.frame.value];
  StreamRecord& stream = *open_streams_[delivered.stream.value];
  Result result;
  result.number = delivered.number;
  result.tag = frame.tag;
  result.outcome = delivered.outcome;
  result.status = delivered.status;
  result.device = delivered.device.value;
  result.attempts = delivered.attempts;
  result.times = {frame.captured,
                  frame.submitted,
                  delivered.started,
                  frame.stamps.input_started,
                  frame.stamps.compute_started,
                  frame.stamps.compute_ended,
                  frame.stamps.output_ended,
                  delivered.ended,
                  last_now_};
  if (trace_.on()) trace_.add({delivered.stream, frame.executor, delivered.number, delivered.outcome, delivered.attempts, result.times});
  if (delivered.outcome == Outcome::outputs) FleetAccess::lend(result, *std::exchange(frame.output, nullptr), frame.row);
  ++stream.delivered;
  if (frame.promise != nullptr) {
    todo.fulfils.push_back({std::move(frame.promise), std::move(result)});
  } else {
    hand_over(stream, std::move(result), todo);
  }
}

void Dispatcher::hand_over(StreamRecord& stream, Result&& result, Todo& todo) {
  if (stream.cancelled) return;
  if (stream.callback == nullptr) {
    stream.ready.push_back(std::move(result));
    wake(stream.result_waiters);
  } else if (std::exchange(stream.draining, true)) {
    stream.ready.push_back(std::move(result));
  } else {
    ++drains_out_;
    todo.drains.push_back({this, open_streams_[stream.id.value], std::move(result)});
  }
}

/// Calls the stream's callback with what is ready; one thread a stream at a time, so results stay in order.
void Dispatcher::drain(StreamRecord& stream, Result&& first) {
  call_back(stream, std::move(first));
  while (std::optional<Result> next = next_to_call(stream)) call_back(stream, std::move(*next));
}

std::optional<Result> Dispatcher::next_to_call(StreamRecord& stream) {
  base::MutexLock lock(mutex_);
  if (!stream.ready.empty()) return stream.ready.pop_front();
  stream.draining = false;
  if (--drains_out_ == 0) wake(idle_waiters_);
  wake(stream.result_waiters);
  return std::nullopt;
}

void Dispatcher::call_back(const StreamRecord& stream, Result&& result) {
  const Todo::InCallback here;
  try {
    stream.callback(std::move(result));
  } catch (const std::exception& error) {
    report(fmt::format("The callback of {} threw: {}", stream.options.name, error.what()));
  } catch (...) {
    report(fmt::format("The callback of {} threw something that is no std::exception.", stream.options.name));
  }
}

void Dispatcher::report(std::string text) const { tell({host_->now(), EventKind::stream, "", "callback failed", "", std::move(text)}); }

void Dispatcher::announce(const Actions::Change& change) {
  const std::string subject =
      change.kind == EventKind::device ? plan_.devices()[DeviceId(change.subject)].name : plan_.models()[ModelId(change.subject)].name;
  if (trace_.on()) trace_.add(Trace::Instant{last_now_, fmt::format("{}: {}", subject, change.state)});
  Todo::of_this_thread().tells.push_back({this, {last_now_, change.kind, subject, change.state, change.was, change.cause}});
}

void Dispatcher::tell(Event event) const {
  if (options_.on_event) options_.on_event(std::move(event));
}

}  // namespace polymetis::fleet
