#include "fleet/sampler.hpp"

#include <ctime>

namespace polymetis::fleet {

namespace {

constexpr Duration window = std::chrono::seconds(1);
constexpr Duration apart = std::chrono::milliseconds(50);

Percentiles percentiles_of(const Histogram& histogram) {
  return {histogram.count(), histogram.quantile(0.5), histogram.quantile(0.9), histogram.quantile(0.99), histogram.quantile(0.999), histogram.max()};
}

template <class T>
T since(const std::vector<T>& now, const std::vector<T>& before, std::size_t i) {
  const T was = i < before.size() ? before[i] : T{};
  return now[i] >= was ? now[i] - was : now[i];  // its place was given to another
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

}  // namespace

Sample Sampler::since(const Sample& now) {
  while (samples_.size() > 1 && now.time - samples_[1].time >= window) samples_.pop_front();
  const Sample before = samples_.empty() ? Sample{.time = now.time} : samples_.front();
  if (samples_.empty() || now.time - samples_.back().time >= apart) samples_.push_back(now);
  return before;
}

Sample sample_of(const Plan& plan, TimePoint now) {
  Sample sample{.time = now, .host_cpu_s = cpu_seconds()};
  for (std::size_t i = 0; i < plan.devices().size(); ++i) {
    const Plan::Device& device = plan.devices()[DeviceId(i)];
    sample.frames.push_back(device.frames);
    sample.busy.push_back(device.busy);
  }
  for (std::size_t i = 0; i < plan.streams().size(); ++i) {
    const Plan::Stream& stream = plan.streams()[StreamId(i)];
    sample.outputs.push_back(stream.outputs);
    sample.window_binds.push_back(stream.window_binds);
    sample.consumer_binds.push_back(stream.consumer_binds);
  }
  return sample;
}

namespace {

DeviceMetrics device_metrics(const Plan& plan, DeviceId id, const Sample& now, const Sample& before) {
  const Plan::Device& device = plan.devices()[id];
  DeviceMetrics metrics{.name = device.name, .frames = device.frames, .instances = static_cast<unsigned>(device.executors.size())};
  for (const ExecutorId e : device.executors) {
    const Plan::Executor& executor = plan.executors()[e];
    metrics.in_flight += executor.in_flight;
    const Percentiles service = percentiles_of(executor.bound.history());
    if (service.count >= metrics.service.count) metrics.service = service;
  }
  const double elapsed = seconds(now.time - before.time);
  if (elapsed <= 0) return metrics;
  metrics.frames_per_s = static_cast<double>(since(now.frames, before.frames, id.value)) / elapsed;
  if (metrics.instances > 0) metrics.utilisation = std::min(1.0, seconds(since(now.busy, before.busy, id.value)) / (elapsed * metrics.instances));
  return metrics;
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
                        .latency = percentiles_of(stream.latency),
                        .queueing = percentiles_of(stream.queueing),
                        .window_frames = plan.window_frames(id)};
  metrics.running = stream.next_number - stream.ended - stream.waiting;
  if (!stream.order.empty()) metrics.oldest_age = now.time - plan.frames()[stream.order.front()].captured;
  if (const double elapsed = seconds(now.time - before.time); elapsed > 0)
    metrics.frames_per_s = static_cast<double>(since(now.outputs, before.outputs, id.value)) / elapsed;
  return metrics;
}

}  // namespace

FleetMetrics metrics_of(const Plan& plan, const std::vector<std::shared_ptr<StreamRecord>>& streams, const Sample& now, const Sample& before) {
  FleetMetrics metrics{.time = now.time, .window = now.time - before.time};
  for (std::size_t i = 0; i < plan.devices().size(); ++i) metrics.devices.push_back(device_metrics(plan, DeviceId(i), now, before));
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (streams[i] != nullptr) metrics.streams.push_back(stream_metrics(plan, StreamId(i), now, before));
  for (std::size_t i = 0; i < plan.models().size(); ++i) {
    const Plan::Model& model = plan.models()[ModelId(i)];
    metrics.models.push_back({model.name, static_cast<unsigned>(model.executors.size()), model.stopped, std::string(model.cause.message())});
  }
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
