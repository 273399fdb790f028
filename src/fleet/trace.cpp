#include "fleet/trace.hpp"

#include <nlohmann/json.hpp>

namespace polymetis::fleet {

namespace {

using nlohmann::json;

constexpr int cards_process = 1;
constexpr int streams_process = 2;

double us(TimePoint time) { return std::chrono::duration<double, std::micro>(time.time_since_epoch()).count(); }

json named(const char* what, int process, std::size_t thread, const std::string& name) {
  return {{"ph", "M"}, {"name", what}, {"pid", process}, {"tid", thread}, {"ts", 0}, {"args", {{"name", name}}}};
}

json slice(const std::string& name, const char* category, int process, std::size_t thread, TimePoint from, TimePoint to, json arguments) {
  return {{"ph", "X"},
          {"name", name},
          {"cat", category},
          {"pid", process},
          {"tid", thread},
          {"ts", us(from)},
          {"dur", us(std::max(from, to)) - us(from)},
          {"args", std::move(arguments)}};
}

/// A frame's track is as high as frames overlap, so each is an async pair, not a slice.
json async(const char* phase, const TraceFrame& frame, const std::string& id, TimePoint time) {
  return {{"ph", phase},
          {"name", "frame"},
          {"cat", "frame"},
          {"id", id},
          {"pid", streams_process},
          {"tid", frame.stream.value + 1},
          {"ts", us(time)},
          {"args", {{"number", frame.number}, {"outcome", outcome_name(frame.outcome)}, {"attempts", frame.attempts}}}};
}

void add_frame(json& events, const TraceFrame& frame) {
  const std::string id = std::to_string(frame.stream.value) + "/" + std::to_string(frame.number);
  events.push_back(async("b", frame, id, frame.times.submitted));
  events.push_back(async("e", frame, id, frame.times.delivered));
  if (!frame.executor.valid() || frame.times.compute_ended == TimePoint{}) return;
  events.push_back(slice("frame " + std::to_string(frame.number), "compute", cards_process, frame.executor.value + 1, frame.times.compute_started,
                         frame.times.compute_ended, {{"stream", frame.stream.value}, {"number", frame.number}, {"attempts", frame.attempts}}));
}

}  // namespace

std::string trace_json(const Trace& trace, const TraceNames& names) {
  json events = json::array();
  events.push_back(named("process_name", cards_process, 0, "cards"));
  events.push_back(named("process_name", streams_process, 0, "streams"));
  for (std::size_t i = 0; i < names.executors.size(); ++i) events.push_back(named("thread_name", cards_process, i + 1, names.executors[i]));
  for (std::size_t i = 0; i < names.streams.size(); ++i) events.push_back(named("thread_name", streams_process, i + 1, names.streams[i]));
  for (const TraceFrame& frame : trace.frames()) add_frame(events, frame);
  for (const Trace::Instant& instant : trace.instants())
    events.push_back({{"ph", "i"}, {"s", "g"}, {"name", instant.name}, {"pid", cards_process}, {"tid", 0}, {"ts", us(instant.time)}});
  return json{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}}.dump();
}

}  // namespace polymetis::fleet
