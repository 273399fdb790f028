#include <nanobind/stl/string.h>

#include "errors.hpp"
#include "fleet_objects.hpp"

namespace nb = nanobind;

/// Metrics, health and explanations as the dataclasses of polymetis._results.
namespace polymetis::python {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double seconds(TimePoint time) { return seconds(Duration(time.time_since_epoch())); }

nb::object percentiles(const Percentiles& p) {
  static Imported make("polymetis._results", "Percentiles");
  return make.get()(p.count, seconds(p.p50), seconds(p.p90), seconds(p.p99), seconds(p.p999), seconds(p.max));
}

nb::object device(const DeviceMetrics& d) {
  static Imported make("polymetis._results", "DeviceMetrics");
  return make.get()(text(d.name), text(d.board), d.frames, d.frames_per_s, d.utilisation, percentiles(d.service), d.instances, d.in_flight);
}

nb::object board(const BoardMetrics& b) {
  static Imported make("polymetis._results", "BoardMetrics");
  return make.get()(text(b.name), b.devices, b.instances, b.frames, b.frames_per_s, b.utilisation);
}

nb::object instance(const InstanceMetrics& i) {
  static Imported make("polymetis._results", "InstanceMetrics");
  return make.get()(text(i.device), text(i.model), i.frames, i.frames_per_s, i.utilisation, percentiles(i.service), i.in_flight);
}

nb::object model(const ModelMetrics& m) {
  static Imported make("polymetis._results", "ModelMetrics");
  return make.get()(text(m.name), m.instances, m.stopped, text(m.cause), m.outputs, m.dropped, m.late, m.failed, m.retried, m.frames_per_s,
                    percentiles(m.latency));
}

nb::object stream(const StreamMetrics& s) {
  static Imported make("polymetis._results", "StreamMetrics");
  return make.get()(text(s.name), s.offered, s.outputs, s.dropped, s.late, s.failed, s.waiting, s.running, s.ended, s.retried, s.frames_per_s,
                    percentiles(s.latency), percentiles(s.queueing), seconds(s.oldest_age), s.window_frames);
}

}  // namespace

nb::object metrics_of(const FleetMetrics& metrics) {
  static Imported make("polymetis._results", "FleetMetrics");
  nb::list boards, devices, instances, streams, models;
  for (const auto& b : metrics.boards) boards.append(board(b));
  for (const auto& i : metrics.instances) instances.append(instance(i));
  for (const auto& d : metrics.devices) devices.append(device(d));
  for (const auto& s : metrics.streams) streams.append(stream(s));
  for (const auto& m : metrics.models) models.append(model(m));
  return make.get()(seconds(metrics.time), seconds(metrics.window), boards, devices, instances, streams, models, metrics.outputs, metrics.dropped,
                    metrics.late, metrics.failed, metrics.memory_used_bytes, metrics.host_cpu);
}

nb::object explanation_of(const Explanation& explanation) {
  static Imported make("polymetis._results", "Explanation");
  static Imported make_limit("polymetis._results", "Limit");
  nb::list limits;
  for (const auto& l : explanation.limits) limits.append(make_limit.get()(text(l.what), l.share, text(l.text)));
  return make.get()(text(explanation.binds), text(explanation.text), limits);
}

nb::object health_of(const std::vector<DeviceHealth>& health) {
  static Imported make("polymetis._results", "DeviceHealth");
  nb::list all;
  for (const auto& d : health)
    all.append(make.get()(text(d.name), text(d.board), device_state_name(d.state), d.is_virtual, text(d.cause), seconds(d.since), d.failures, d.hangs,
                          d.readmissions));
  return all;
}

}  // namespace polymetis::python
