#pragma once

#include <string>
#include <vector>

#include "fleet/ids.hpp"
#include "polymetis/result.hpp"

namespace polymetis::fleet {

/// What is kept of a frame for the trace.
struct TraceFrame {
  StreamId stream;
  ExecutorId executor;
  std::uint64_t number = 0;
  Outcome outcome = Outcome::dropped;
  std::uint32_t attempts = 0;
  FrameTimes times;
};

/// The last frames, a ring of fixed size; and instants, such as a device's change of state. Thread-bound.
class Trace {
 public:
  struct Instant {
    TimePoint time;
    std::string name;
  };
  explicit Trace(std::size_t frames) : capacity_(frames) { ring_.reserve(frames); }
  [[nodiscard]] bool on() const noexcept { return capacity_ > 0; }
  void add(const TraceFrame& frame) {
    if (ring_.size() < capacity_) {
      ring_.push_back(frame);
    } else {
      ring_[next_++ % capacity_] = frame;
    }
  }
  void add(Instant instant) {
    if (instants_.size() < most_instants) instants_.push_back(std::move(instant));
  }
  [[nodiscard]] const std::vector<TraceFrame>& frames() const noexcept { return ring_; }
  [[nodiscard]] const std::vector<Instant>& instants() const noexcept { return instants_; }

 private:
  static constexpr std::size_t most_instants = 10000;
  std::size_t capacity_;
  std::vector<TraceFrame> ring_;
  std::size_t next_ = 0;
  std::vector<Instant> instants_;
};

/// Names for the tracks of a trace, by id.
struct TraceNames {
  std::vector<std::string> streams;
  std::vector<std::string> executors;  ///< "metis-0:1:0 core 2, detector"
};

/// The Chrome trace event format, as JSON: a track an executor with its jobs, a track a stream with its frames, an arrow from one to the other.
std::string trace_json(const Trace& trace, const TraceNames& names);

}  // namespace polymetis::fleet
