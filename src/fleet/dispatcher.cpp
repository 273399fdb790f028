#include "fleet/dispatcher.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace polymetis::fleet {

namespace {

std::vector<std::size_t> row_bytes_of(const std::vector<TensorInfo>& tensors, std::size_t batch) {
  std::vector<std::size_t> bytes;
  for (const TensorInfo& tensor : tensors) bytes.push_back(tensor.size_bytes() / batch);
  return bytes;
}

}  // namespace

Dispatcher::Dispatcher(std::shared_ptr<Host> host, DispatcherOptions options)
    : host_(std::move(host)),
      options_(std::move(options)),
      memory_(std::make_shared<MemoryBudget>(options_.memory_bytes)),
      trace_(options_.trace_frames),
      plan_(options_.plan),
      sampler_(host_->now()) {
  sampler_.note(plan_, host_->now());
}

Dispatcher::~Dispatcher() {
  for (std::size_t i = 0; i < models_.size(); ++i)
    if (models_[i].probe != nullptr) models_[i].probe->let_go();
}

Status Dispatcher::start_recording(const std::filesystem::path& path) {
  base::MutexLock lock(mutex_);
  return recorder_.open(path, options_.plan, host_);
}

/// One event: the plan decides under the lock, this thread carries it out outside.
template <class E>
void Dispatcher::apply(const E& event) {
  {
    base::MutexLock lock(mutex_);
    decide(host_->now(), event);
  }
  Todo::of_this_thread().run();
}

DeviceId Dispatcher::add_device(const std::string& name, const std::string& board) {
  base::MutexLock lock(mutex_);
  const DeviceId id(plan_.devices().size());
  decide(host_->now(), event::AddDevice{name, board});
  return id;
}

ModelId Dispatcher::add_model(const std::shared_ptr<const Model>& model, Duration batch_wait) {
  base::MutexLock lock(mutex_);
  const ModelId id(plan_.models().size());
  ModelRecord& record = models_.grown_to(id.value);
  record.model = model;
  record.inputs = TensorPool::make(memory_, row_bytes_of(model->inputs, model->batch), model->batch);
  record.outputs = TensorPool::make(memory_, row_bytes_of(model->outputs, model->batch), model->batch);
  record.probe = record.inputs->take(TensorPool::Limit::exceed);
  fill_probe(record.probe->buffers());
  decide(host_->now(), event::AddModel{model->name, static_cast<std::uint32_t>(model->batch), batch_wait});
  return id;
}

bool Dispatcher::retire(ExecutorId id, TimePoint until) {
  bool gone = false;
  {
    base::MutexLock lock(mutex_);
    decide(host_->now(), event::RetireExecutor{id});
    while (executors_[id.value].lease != nullptr && wait_for(retire_waiters_, until)) {
    }
    gone = executors_[id.value].lease == nullptr;
  }
  Todo::of_this_thread().run();
  return gone;
}

ExecutorId Dispatcher::add_executor(DeviceId device, ModelId model, Expected<std::shared_ptr<device::Instance>> instance, std::shared_ptr<void> lease,
                                    InstanceLoader loader) {
  ExecutorId id;
  {
    base::MutexLock lock(mutex_);
    id = ExecutorId(plan_.executors().size());
    event::AddExecutor added{.device = device, .model = model};
    if (instance) {
      added.depth = (*instance)->traits().depth;
      added.hang_floor = (*instance)->traits().hang_floor;
    } else {
      added.trouble = instance.error().to_string();
    }
    executors_.grown_to(id.value) = {device, model, instance ? std::move(*instance) : nullptr, std::move(lease), std::move(loader)};
    decide(host_->now(), added);
  }
  Todo::of_this_thread().run();
  return id;
}

void Dispatcher::device_changed(DeviceId device, const DeviceChange& change) {
  if (change.kind == DeviceChange::Kind::lost) return apply(event::DeviceLost{device, change.cause});
  apply(event::DeviceAppeared{device});
}

void Dispatcher::readmit(DeviceId device, ModelId model) { apply(event::Readmit{device, model}); }

/// Sees to it that a tick comes when the plan wants one.
void Dispatcher::arm() {
  const TimePoint due = plan_.wakeup();
  if (due >= armed_at_ || closed_.load(std::memory_order_relaxed)) return;
  if (timer_ != TimerId::none && host_->cancel(timer_)) --timers_out_;  // else it is running, and finds nothing to do
  armed_at_ = due;
  ++timers_out_;
  timer_ = host_->call_at(due, {[](void* self) noexcept { static_cast<Dispatcher*>(self)->tick(); }, this});
}

void Dispatcher::tick() noexcept {
  std::shared_ptr<Dispatcher> alive;
  {
    base::MutexLock lock(mutex_);
    alive = alive_;
    --timers_out_;
    const TimePoint now = host_->now();
    const bool current = now >= armed_at_;  // else another timer was armed since
    if (current) {
      timer_ = TimerId::none;
      armed_at_ = TimePoint::max();
    }
    if (current && !closed_.load(std::memory_order_relaxed) && now >= plan_.wakeup()) {
      decide(now, event::Tick{});
    } else {
      arm();
      update_life();
    }
  }
  Todo::of_this_thread().run();
}

/// Keeps this object while a device, a timer or a reload may call it.
void Dispatcher::update_life() {
  const bool busy = jobs_out_ > 0 || reloads_out_ > 0;
  if (!busy) wake(idle_waiters_);
  const bool needed = busy || timers_out_ > 0;
  if (needed == (alive_ != nullptr)) return;
  if (needed) {
    alive_ = shared_from_this();
    return;
  }
  Todo::of_this_thread().ends.push_back(std::move(alive_));
  alive_.reset();
}

/// Loads an executor's instance anew, where that may take its time.
void Dispatcher::reload(ExecutorId id) {
  host_->run_blocking(make_task([this, id] {
    InstanceLoader loader;
    std::shared_ptr<device::Instance> old;
    {
      base::MutexLock lock(mutex_);
      loader = executors_[id.value].loader;
      old = std::move(executors_[id.value].instance);
    }
    old.reset();  // before the fresh one is loaded: the cores are the same
    auto fresh = closed() ? Expected<std::shared_ptr<device::Instance>>(failure(Code::invalid_argument, "The fleet was closed.")) : loader();
    {
      base::MutexLock lock(mutex_);
      --reloads_out_;
      event::Reloaded done{.executor = id};
      if (fresh) {
        done.depth = (*fresh)->traits().depth;
        done.hang_floor = (*fresh)->traits().hang_floor;
        executors_[id.value].instance = std::move(*fresh);
      } else {
        done.code = fresh.error().code();
        done.message = fresh.error().to_string();
      }
      decide(host_->now(), done);
    }
    Todo::of_this_thread().run();
  }));
}

bool Dispatcher::wait_for(std::vector<Latch*>& waiters, TimePoint until) {
  Latch latch;
  waiters.push_back(&latch);
  mutex_.unlock();
  const bool opened = Todo::of_this_thread().wait(*host_, latch, until);
  mutex_.lock();
  if (opened) return true;
  if (std::erase(waiters, &latch) > 0) return false;
  mutex_.unlock();  // another thread has it in hand and opens it now
  Todo::of_this_thread().wait(*host_, latch, TimePoint::max());
  mutex_.lock();
  return true;
}

void Dispatcher::wake_all(std::vector<Latch*>& waiters) {
  Todo& todo = Todo::of_this_thread();
  for (Latch* latch : waiters) todo.latches.push_back(latch);
  waiters.clear();
}

/// The one that has waited longest.
void Dispatcher::wake_one(std::vector<Latch*>& waiters) {
  if (waiters.empty()) return;
  Todo::of_this_thread().latches.push_back(waiters.front());
  waiters.erase(waiters.begin());
}

void Dispatcher::wait_until_idle(TimePoint until) {
  base::MutexLock lock(mutex_);
  while (jobs_out_ + reloads_out_ + (Todo::of_this_thread().in_callback() ? 0 : drains_out_) > 0)
    if (!wait_for(idle_waiters_, until)) return;
}

void Dispatcher::close(Duration patience) {
  {
    base::MutexLock lock(mutex_);
    if (closed_.exchange(true)) return;
    for (std::size_t i = 0; i < open_streams_.size(); ++i) {
      if (open_streams_[i] == nullptr) continue;
      open_streams_[i]->finished = true;
      open_streams_[i]->refuses.store(true, std::memory_order_release);
      wake(open_streams_[i]->room_waiters);
      decide(host_->now(), event::CancelStream{StreamId(i), 0});
    }
  }
  Todo::of_this_thread().run();
  wait_until_idle(host_->now() + patience);
  apply(event::Close{"The fleet was closed while the frame ran."});
  wait_until_idle(host_->now() + std::chrono::milliseconds(100));
  {
    base::MutexLock lock(mutex_);
    if (timer_ != TimerId::none && host_->cancel(timer_)) --timers_out_;
    timer_ = TimerId::none;
    for (std::size_t i = 0; i < executors_.size(); ++i) {
      ExecutorRecord& executor = executors_[i];
      Todo::of_this_thread().ends.push_back(std::move(executor.instance));
      Todo::of_this_thread().ends.push_back(std::move(executor.lease));
      executor.loader = nullptr;
    }
    update_life();
  }
  Todo::of_this_thread().run();
  Recorder recorder;
  {
    base::MutexLock lock(mutex_);
    std::swap(recorder, recorder_);
  }
  if (!recorder.on()) return;
  const Status whole = recorder.close();  // waits, so not under the lock
  tell({host_->now(), EventKind::stream, "recording", whole.ok() ? "written" : "failed", "", whole.ok() ? std::string() : whole.to_string()});
}

}  // namespace polymetis::fleet
