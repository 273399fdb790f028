// The consumer's and the submitter's side of the dispatcher.

#include <fmt/format.h>

#include "fleet/dispatcher.hpp"

namespace polymetis::fleet {

namespace {

Status refused(const Dispatcher& dispatcher, const StreamRecord& stream) {
  if (dispatcher.closed()) return {Code::invalid_argument, "The fleet was closed; make another one."};
  if (stream.cancelled || stream.answered) return {Code::invalid_argument, fmt::format("{} was closed; open another stream.", stream.options.name)};
  if (stream.finished)
    return {Code::invalid_argument, fmt::format("{} was finished, so it takes no more frames; open another stream.", stream.options.name)};
  return {};
}

constexpr std::size_t most_untaken = 65536;
constexpr Duration longest_starving = std::chrono::seconds(2);

}  // namespace

std::shared_ptr<StreamRecord> Dispatcher::open_stream(ModelId model, const StreamOptions& options, DeviceId prefer, ResultCallback callback) {
  auto stream = std::make_shared<StreamRecord>();
  stream->options = options;
  stream->callback = std::move(callback);
  base::MutexLock lock(mutex_);
  const ModelRecord& record = models_[model.value];
  stream->model = record.model;
  const auto rows = record.inputs->row_bytes();
  stream->inputs = TensorPool::make(memory_, {rows.begin(), rows.end()}, 1);
  stream->outputs = lend_outputs(model);
  const std::size_t frame_bytes = std::max<std::size_t>(stream->inputs->set_bytes() + record.outputs->set_bytes() / record.model->batch, 1);
  const std::size_t limit_bytes = options.queue_bytes > 0 ? options.queue_bytes : options_.memory_bytes / 4;
  const std::size_t most = std::clamp<std::size_t>(limit_bytes / frame_bytes, 2, most_untaken);
  std::size_t queue = options.queue_frames;
  if (queue == 0) queue = options.overload == Overload::block ? 2 * plan_.models()[model].executors.size() * record.model->batch : 4;
  const event::OpenStream opened{.model = model,
                                 .name = options.name,
                                 .overload = options.overload,
                                 .priority = options.priority,
                                 .weight = options.weight,
                                 .queue_frames = std::clamp<std::size_t>(queue, 1, most),
                                 .window_most = most,
                                 .window_frames = options.window_frames,
                                 .prefer = prefer};
  opened_ = stream;
  decide(host_->now(), opened);
  return stream;
}

/// Outputs of a stream's own, so that streams of different threads do not hand the same memory to and fro.
std::shared_ptr<TensorPool> Dispatcher::lend_outputs(ModelId id) {
  ModelRecord& model = models_[id.value];
  if (model.spare_outputs.empty()) {
    const auto rows = model.outputs->row_bytes();
    model.stream_outputs.push_back(TensorPool::make(memory_, {rows.begin(), rows.end()}, 1));
    return model.stream_outputs.back();
  }
  std::shared_ptr<TensorPool> outputs = std::move(model.spare_outputs.back());
  model.spare_outputs.pop_back();
  return outputs;
}

/// Fills the frame's record between the plan's decision and its execution; an invalid id: there is no room.
FrameId Dispatcher::offer(StreamRecord& stream, TensorSet* input, const FrameOptions& options, Submitter submitter,
                          std::unique_ptr<std::promise<Result>>& promise) {
  const TimePoint now = last_now_ = std::max(host_->now(), last_now_);
  const TimePoint captured = options.captured_at.value_or(now);
  const Duration deadline = options.deadline.value_or(stream.options.deadline);
  const bool takes = stream.callback == nullptr && promise == nullptr;
  const event::Offer event{stream.id, captured, deadline.count() > 0 ? captured + deadline : TimePoint::max(), std::uint8_t{takes}};
  sampler_.note(plan_, now);
  if (recorder_.on()) recorder_.event(now, event);
  plan_.offer(now, event, actions_);
  if (recorder_.on()) recorder_.decided(actions_);
  const FrameId id = actions_.accepted;
  if (id.valid()) {
    FrameRecord& frame = frames_.grown_to(id.value);
    frame.input = input;
    frame.executor = {};
    frame.submitter = submitter;
    frame.tag = options.tag;
    frame.promise = std::move(promise);
    frame.captured = captured;
    frame.submitted = now;
    frame.stamps = {};
    ++stream.offered;
  }
  return id;
}

Expected<std::uint64_t> Dispatcher::submit(StreamRecord& stream, TensorSet* input, const FrameOptions& options, TimePoint until, Submitter submitter,
                                           std::unique_ptr<std::promise<Result>> promise) {
  std::uint64_t number = 0;
  {
    base::MutexLock lock(mutex_);
    while (true) {
      if (Status status = refused(*this, stream); !status.ok()) return Unexpected(std::move(status));
      if (stream.ready.size() >= most_untaken && stream.options.overload != Overload::block)
        return failure(Code::runtime_error,
                       fmt::format("{} results of {} lie untaken; take them, or close it.", stream.ready.size(), stream.options.name));
      const FrameId id = offer(stream, input, options, submitter, promise);
      number = actions_.accepted_number;
      carry_out();
      if (id.valid()) {
        wake_one(stream.room_waiters);  // perhaps there is room for the next as well
        break;
      }
      if (until <= last_now_)
        return failure(Code::pending,
                       fmt::format("{}'s queue is full; take results, wait, or open the stream with a drop policy.", stream.options.name));
      wait_for(stream.room_waiters, until);
    }
  }
  Todo::of_this_thread().run();
  return number;
}

Expected<TensorSet*> Dispatcher::take_input(StreamRecord& stream, TimePoint until) {
  while (true) {
    if (stream.refuses.load(std::memory_order_acquire)) {
      base::MutexLock lock(mutex_);
      if (Status status = refused(*this, stream); !status.ok()) return Unexpected(std::move(status));
    }
    if (TensorSet* set = free_input(stream)) return set;
    const bool waits = until > host_->now();
    const bool starving = waits && starves(stream);
    if (!waits || starving)
      return failure(starving ? Code::runtime_error : Code::pending,
                     fmt::format("The fleet's memory for frames is used up ({} of {} bytes){}; let results go, or raise memory_bytes.",
                                 memory_->used_bytes(), memory_->limit_bytes(), starving ? " by results or slots that are kept" : ""));
    Latch latch;
    memory_->call(latch);
    if (TensorSet* set = free_input(stream)) {
      if (!memory_->forget(latch)) host_->wait(latch, TimePoint::max());
      return set;
    }
    const TimePoint look_again = host_->now() + longest_starving;
    if (!Todo::of_this_thread().wait(*host_, latch, std::min(until, look_again)) && !memory_->forget(latch)) host_->wait(latch, TimePoint::max());
  }
}

TensorSet* Dispatcher::free_input(StreamRecord& stream) {
  TensorSet* const set = results_hold_all() ? nullptr : stream.inputs->take(TensorPool::Limit::obey);
  TimePoint never = TimePoint::max();
  if (set == nullptr) {
    stream.starves_since.compare_exchange_strong(never, host_->now(), std::memory_order_relaxed);
  } else if (stream.starves_since.load(std::memory_order_relaxed) != never) {
    stream.starves_since.store(never, std::memory_order_relaxed);
  }
  return set;
}

/// Outputs are given to runs without asking, so that none waits in a card; what is over the limit comes out of the frames to come.
bool Dispatcher::results_hold_all() const {
  if (memory_->used_bytes() <= memory_->limit_bytes()) return false;
  base::MutexLock lock(mutex_);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < models_.size(); ++i) {
    bytes += models_[i].outputs->used_bytes();
    for (const auto& outputs : models_[i].stream_outputs) bytes += outputs->used_bytes();
  }
  return bytes >= memory_->limit_bytes();
}

/// Whether no memory has come for long and this stream has no frame whose end could bring any.
bool Dispatcher::starves(const StreamRecord& stream) const {
  if (host_->now() - std::min(host_->now(), stream.starves_since.load(std::memory_order_relaxed)) < longest_starving) return false;
  base::MutexLock lock(mutex_);
  return stream.offered == stream.delivered && stream.ready.empty();
}

std::size_t Dispatcher::take_ready(StreamRecord& stream, std::vector<Result>& results, std::size_t most) {
  std::size_t count = 0;
  for (; count < most && !stream.ready.empty(); ++count) results.push_back(stream.ready.pop_front());
  if (count > 0 && !stream.answered) decide(host_->now(), event::Taken{stream.id, static_cast<std::uint32_t>(count)});
  return count;
}

std::size_t Dispatcher::take(StreamRecord& stream, std::vector<Result>& results, std::size_t most) {
  std::size_t count = 0;
  {
    base::MutexLock lock(mutex_);
    count = take_ready(stream, results, most);
  }
  Todo::of_this_thread().run();
  return count;
}

std::optional<Result> Dispatcher::next(StreamRecord& stream, TimePoint until) {
  std::optional<Result> result;
  {
    base::MutexLock lock(mutex_);
    while (stream.ready.empty()) {
      if (stream.cancelled || stream.answered || (stream.finished && stream.delivered == stream.offered)) break;
      if (!wait_for(stream.result_waiters, until)) break;
    }
    if (!stream.ready.empty()) {
      result = stream.ready.pop_front();
      if (!stream.answered) decide(host_->now(), event::Taken{stream.id, 1});
    }
  }
  Todo::of_this_thread().run();
  return result;
}

bool Dispatcher::exhausted(const StreamRecord& stream) const {
  base::MutexLock lock(mutex_);
  return stream.ready.empty() && (stream.cancelled || stream.answered || (stream.finished && stream.delivered == stream.offered));
}

void Dispatcher::finish(StreamRecord& stream) {
  {
    base::MutexLock lock(mutex_);
    stream.finished = true;
    stream.refuses.store(true, std::memory_order_release);
    wake(stream.result_waiters);
    wake(stream.room_waiters);
  }
  Todo::of_this_thread().run();
}

void Dispatcher::cancel(StreamRecord& stream) {
  {
    base::MutexLock lock(mutex_);
    if (!stream.answered) decide(host_->now(), event::CancelStream{stream.id, 0});
  }
  Todo::of_this_thread().run();
}

void Dispatcher::close(StreamRecord& stream) {
  Ring<Result> untaken;  // let go outside the lock
  {
    base::MutexLock lock(mutex_);
    stream.finished = stream.cancelled = true;
    stream.refuses.store(true, std::memory_order_release);
    std::swap(untaken, stream.ready);
    wake(stream.result_waiters);
    wake(stream.room_waiters);
    if (!stream.answered) decide(host_->now(), event::CancelStream{stream.id, 1});
    while (stream.draining && !Todo::of_this_thread().in_callback()) wait_for(stream.result_waiters, TimePoint::max());
  }
  Todo::of_this_thread().run();
}

}  // namespace polymetis::fleet
