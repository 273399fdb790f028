#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fleet/plan.hpp"

namespace polymetis::fleet {

/// A plan on virtual time with simulated cards: what the dispatcher does, without threads. Jobs on an executor run one after the other and take
/// what `service` says; it may answer `never`.
class PlanDriver {
 public:
  static constexpr Duration never = Duration::max();
  struct Service {
    Duration takes = std::chrono::milliseconds(2);
    Code code = Code::ok;
  };
  struct Answer {
    std::uint64_t number;
    Outcome outcome;
    DeviceId device;
    std::uint32_t attempts;
    TimePoint started;
    TimePoint time;
    std::string status;
  };

  explicit PlanDriver(const PlanOptions& options = {}) : plan(options) {}

  void apply(const PlanEvent& event) {
    plan.apply(now, event, actions);
    perform();
  }
  /// `cards` devices with `cores` executors each for model 0, admitted.
  void add_cards(unsigned cards, unsigned cores, std::uint32_t batch = 1, Duration batch_wait = std::chrono::milliseconds(5)) {
    apply(event::AddModel{"model", batch, batch_wait});
    for (unsigned c = 0; c < cards; ++c) apply(event::AddDevice{"card" + std::to_string(c), "board" + std::to_string(c)});
    for (unsigned c = 0; c < cards; ++c)
      for (unsigned e = 0; e < cores; ++e) apply(event::AddExecutor{DeviceId(c), ModelId(0), 2, std::chrono::milliseconds(20)});
    run_for(std::chrono::milliseconds(100));
  }
  StreamId open(event::OpenStream options = {}) {
    if (!options.model.valid()) options.model = ModelId(0);
    if (options.queue_frames == 1) options.queue_frames = 16;
    const StreamId id(opened++);
    apply(options);
    return id;
  }
  bool offer(StreamId stream, TimePoint deadline = TimePoint::max(), std::uint8_t takes = 0) {
    actions.accepted = {};
    plan.offer(now, {stream, now, deadline, takes}, actions);
    const bool accepted = actions.accepted.valid();
    perform();
    return accepted;
  }
  /// Keeps the queue of `stream` full until `until`.
  void saturate(StreamId stream, TimePoint until) {
    while (now < until) {
      while (offer(stream)) {
      }
      if (!step(until)) break;
    }
  }
  void run_until(TimePoint until) {
    while (step(until)) {
    }
    now = std::max(now, until);
  }
  void run_for(Duration duration) { run_until(now + duration); }

  /// The next thing that happens, if it happens before `until`.
  bool step(TimePoint until) {
    TimePoint next = plan.wakeup();
    if (!ends.empty()) next = std::min(next, ends.begin()->first);
    if (next > until) {
      now = std::max(now, until);
      return false;
    }
    now = std::max(now, next);
    if (!ends.empty() && ends.begin()->first <= now) {
      const auto [job, run] = ends.begin()->second;
      ends.erase(ends.begin());
      abandoned.erase(job);
      plan.job_ended(now, {job, run.code, run.code == Code::ok ? "" : "broken", now, now}, actions);
    } else {
      plan.apply(now, event::Tick{}, actions);
    }
    perform();
    return true;
  }

  [[nodiscard]] std::size_t count(Outcome outcome, StreamId stream = StreamId(0)) {
    std::size_t n = 0;
    for (const Answer& answer : answers[stream.value]) n += answer.outcome == outcome ? 1 : 0;
    return n;
  }

  Plan plan;
  Actions actions;
  TimePoint now{std::chrono::seconds(1)};
  std::function<Service(ExecutorId, bool probe, const std::vector<FrameId>&)> service = [](auto...) { return Service{}; };
  std::function<bool(ExecutorId)> reload_works = [](auto) { return true; };
  Code reload_fails_with = Code::connection_error;
  std::map<std::uint32_t, std::vector<Answer>> answers;
  std::vector<std::string> changes;  ///< "card0: suspect"
  std::set<JobId> abandoned;
  std::size_t opened = 0;
  std::size_t closed = 0;
  std::size_t rooms = 0;  ///< times that a full queue was said to have room

 private:
  void perform() {
    while (true) {
      Actions todo;
      std::swap(todo, actions);
      for (const auto& change : todo.changes)
        changes.push_back(
            (change.kind == EventKind::device ? plan.devices()[DeviceId(change.subject)].name : plan.models()[ModelId(change.subject)].name) + ": " +
            change.state);
      for (const auto& start : todo.starts) begin(start, todo);
      for (const JobId job : todo.abandons) abandoned.insert(job);
      for (const auto& d : todo.delivers)
        answers[d.stream.value].push_back({d.number, d.outcome, d.device, d.attempts, d.started, now, d.status.to_string()});
      closed += todo.closed.size();
      rooms += todo.room.size();
      if (todo.reloads.empty()) return;
      for (const ExecutorId e : todo.reloads) {
        busy_until[e.value] = now;
        plan.apply(now, event::Reloaded{e, 2, std::chrono::milliseconds(20), reload_works(e) ? Code::ok : reload_fails_with, "gone"}, actions);
      }
    }
  }
  void begin(const Actions::Start& start, const Actions& todo) {
    const std::vector<FrameId> frames(todo.frames.begin() + start.first_frame, todo.frames.begin() + start.first_frame + start.frame_count);
    const Service run = service(start.executor, start.frame_count == 0, frames);
    TimePoint& busy = busy_until[start.executor.value];
    if (run.takes == never) {
      busy = TimePoint::max();
      return;
    }
    if (busy == TimePoint::max()) return;
    busy = std::max(busy, now) + run.takes;
    ends.emplace(busy, std::pair(start.job, run));
  }

  std::map<std::uint32_t, TimePoint> busy_until;
  std::multimap<TimePoint, std::pair<JobId, Service>> ends;
};

}  // namespace polymetis::fleet
