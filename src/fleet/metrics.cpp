#include "fleet/metrics.hpp"

#include <algorithm>

namespace polymetis::fleet {

namespace {

Percentiles percentiles_of(const Histogram& histogram) {
  const auto [p50, p90, p99, p999] = histogram.quantiles<4>({0.5, 0.9, 0.99, 0.999});
  return {histogram.count(), p50, p90, p99, p999, histogram.max()};
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// What grew between two samples, a second; 0 where no time has passed.
class Growth {
 public:
  Growth(const Sample& now, const Sample& before) : elapsed_s_(seconds(now.time - before.time)) {}
  [[nodiscard]] double a_second(const std::vector<std::uint64_t>& now, const std::vector<std::uint64_t>& before, std::size_t i) const {
    return elapsed_s_ > 0 ? static_cast<double>(since(now, before, i)) / elapsed_s_ : 0;
  }
  [[nodiscard]] double share(const std::vector<Duration>& now, const std::vector<Duration>& before, std::size_t i, std::size_t of) const {
    return elapsed_s_ > 0 && of > 0 ? std::min(1.0, seconds(since(now, before, i)) / (elapsed_s_ * static_cast<double>(of))) : 0;
  }

 private:
  template <class T>
  static T since(const std::vector<T>& now, const std::vector<T>& before, std::size_t i) {
    const T was = i < before.size() ? before[i] : T{};
    return now[i] >= was ? now[i] - was : now[i];  // its place was given to another
  }
  double elapsed_s_;
};

DeviceMetrics device_metrics(const Plan& plan, DeviceId id, const Sample& now, const Sample& before) {
  const Plan::Device& device = plan.devices()[id];
  DeviceMetrics metrics{
      .name = device.name, .board = device.board, .frames = device.frames, .instances = static_cast<unsigned>(device.executors.size())};
  Histogram service;
  for (const ExecutorId e : device.executors) {
    metrics.in_flight += plan.executors()[e].in_flight;
    service.add(plan.executors()[e].bound.history());
  }
  const Growth growth(now, before);
  metrics.service = percentiles_of(service);
  metrics.frames_per_s = growth.a_second(now.device_frames, before.device_frames, id.value);
  metrics.utilisation = growth.share(now.device_busy, before.device_busy, id.value, metrics.instances);
  return metrics;
}

InstanceMetrics instance_metrics(const Plan& plan, ExecutorId id, const Sample& now, const Sample& before) {
  const Plan::Executor& executor = plan.executors()[id];
  const Growth growth(now, before);
  return {.device = plan.devices()[executor.device].name,
          .model = plan.models()[executor.model].name,
          .frames = executor.frames,
          .frames_per_s = growth.a_second(now.instance_frames, before.instance_frames, id.value),
          .utilisation = growth.share(now.instance_busy, before.instance_busy, id.value, 1),
          .service = percentiles_of(executor.bound.history()),
          .in_flight = executor.in_flight};
}

ModelMetrics model_metrics(const Plan& plan, ModelId id, const Sample& now, const Sample& before) {
  const Plan::Model& model = plan.models()[id];
  return {.name = model.name,
          .instances = static_cast<unsigned>(model.executors.size()),
          .stopped = model.stopped,
          .cause = std::string(model.cause.message()),
          .outputs = model.outputs,
          .dropped = model.dropped,
          .late = model.late,
          .failed = model.failed,
          .retried = model.retried,
          .frames_per_s = Growth(now, before).a_second(now.model_outputs, before.model_outputs, id.value),
          .latency = percentiles_of(model.latency)};
}

StreamMetrics stream_metrics(const Plan& plan, StreamId id, const Sample& now, const Sample& before) {
  const Plan::Stream& stream = plan.streams()[id];
  StreamMetrics metrics{.name = stream.options.name,
                        .offered = stream.next_number,
                        .outputs = stream.outputs,
                        .dropped = stream.dropped,
                        .late = stream.late,
                        .failed = stream.failed,
                        .waiting = stream.waiting,
                        .ended = stream.untaken,
                        .retried = stream.retried,
                        .frames_per_s = Growth(now, before).a_second(now.stream_outputs, before.stream_outputs, id.value),
                        .latency = percentiles_of(stream.latency),
                        .queueing = percentiles_of(stream.queueing),
                        .window_frames = plan.window_frames(id)};
  metrics.running = stream.next_number - stream.ended - stream.waiting;
  if (!stream.order.empty()) metrics.oldest_age = now.time - plan.frames()[stream.order.front()].captured;
  return metrics;
}

/// The sums of a board's devices, which share its link.
std::vector<BoardMetrics> boards_of(const std::vector<DeviceMetrics>& devices) {
  std::vector<BoardMetrics> boards;
  for (const DeviceMetrics& device : devices) {
    auto board = std::find_if(boards.begin(), boards.end(), [&](const BoardMetrics& b) { return b.name == device.board; });
    if (board == boards.end()) board = boards.insert(boards.end(), BoardMetrics{.name = device.board});
    board->devices += 1;
    board->instances += device.instances;
    board->frames += device.frames;
    board->frames_per_s += device.frames_per_s;
    board->utilisation += device.utilisation * device.instances;  // divided below
  }
  for (BoardMetrics& board : boards) board.utilisation /= std::max(1U, board.instances);
  return boards;
}

}  // namespace

FleetMetrics metrics_of(const Plan& plan, const std::vector<std::shared_ptr<StreamRecord>>& streams, const Sample& now, const Sample& before) {
  FleetMetrics metrics{.time = now.time, .window = now.time - before.time};
  for (std::size_t i = 0; i < plan.devices().size(); ++i) metrics.devices.push_back(device_metrics(plan, DeviceId(i), now, before));
  metrics.boards = boards_of(metrics.devices);
  for (std::size_t i = 0; i < plan.executors().size(); ++i)
    if (!plan.executors()[ExecutorId(i)].retired) metrics.instances.push_back(instance_metrics(plan, ExecutorId(i), now, before));
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (streams[i] != nullptr) metrics.streams.push_back(stream_metrics(plan, StreamId(i), now, before));
  for (std::size_t i = 0; i < plan.models().size(); ++i) metrics.models.push_back(model_metrics(plan, ModelId(i), now, before));
  const Plan::Totals& totals = plan.totals();
  metrics.outputs = totals.outputs;
  metrics.dropped = totals.dropped;
  metrics.late = totals.late;
  metrics.failed = totals.failed;
  if (metrics.window.count() > 0) metrics.host_cpu = (now.host_cpu_s - before.host_cpu_s) / seconds(metrics.window);
  return metrics;
}

std::vector<DeviceHealth> health_of(const Plan& plan) {
  std::vector<DeviceHealth> all;
  for (std::size_t i = 0; i < plan.devices().size(); ++i) {
    const Plan::Device& device = plan.devices()[DeviceId(i)];
    all.push_back({.name = device.name,
                   .board = device.board,
                   .state = device.state,
                   .cause = device.cause,
                   .since = device.since,
                   .failures = device.failures,
                   .hangs = device.hangs,
                   .readmissions = device.readmissions});
  }
  return all;
}

}  // namespace polymetis::fleet
