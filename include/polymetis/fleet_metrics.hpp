#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "polymetis/host.hpp"

namespace polymetis {

/// The life of a device in a fleet; drawn in docs/fleet.md.
enum class DeviceState : std::uint8_t { ready, suspect, quarantined, probing, lost };

POLYMETIS_API const char* device_state_name(DeviceState state) noexcept;

struct DeviceHealth {
  std::string name;
  std::string board;
  DeviceState state = DeviceState::ready;
  bool is_virtual = false;
  std::string cause;  ///< why it is not ready
  TimePoint since;
  std::uint64_t failures = 0;
  std::uint64_t hangs = 0;
  std::uint64_t readmissions = 0;
};

/// Of a histogram with steps of about 3 %.
struct Percentiles {
  std::uint64_t count = 0;
  Duration p50{0};
  Duration p90{0};
  Duration p99{0};
  Duration p999{0};
  Duration max{0};
};

struct DeviceMetrics {
  std::string name;
  std::string board;
  std::uint64_t frames = 0;  ///< outputs that counted
  double frames_per_s = 0;   ///< over the last window
  double utilisation = 0;    ///< busy core time over core time, 0..1, over the last window
  Percentiles service;       ///< start to end of a job
  unsigned instances = 0;
  unsigned in_flight = 0;
};

/// The sums of its devices.
struct BoardMetrics {
  std::string name;
  unsigned devices = 0;
  unsigned instances = 0;
  std::uint64_t frames = 0;
  double frames_per_s = 0;
  double utilisation = 0;  ///< mean of its instances
};

/// A model on one core, or on as many as its batch.
struct InstanceMetrics {
  std::string device;
  std::string model;
  std::uint64_t frames = 0;
  double frames_per_s = 0;
  double utilisation = 0;
  Percentiles service;
  unsigned in_flight = 0;
};

struct StreamMetrics {
  std::string name;
  std::uint64_t offered = 0;  ///< = outputs + dropped + late + failed + waiting + running
  std::uint64_t outputs = 0;
  std::uint64_t dropped = 0;
  std::uint64_t late = 0;
  std::uint64_t failed = 0;
  std::uint64_t waiting = 0;  ///< accepted, not started
  std::uint64_t running = 0;  ///< started, not ended
  std::uint64_t ended = 0;    ///< ended, its turn has not come or nobody took it
  std::uint64_t retried = 0;  ///< attempts beyond the first
  double frames_per_s = 0;
  Percentiles latency;     ///< capture to outcome, of those with outputs
  Percentiles queueing;    ///< submission to start
  Duration oldest_age{0};  ///< of the oldest frame that is not answered
  std::size_t window_frames = 0;
};

struct ModelMetrics {
  std::string name;
  unsigned instances = 0;
  bool stopped = false;  ///< by the breaker
  std::string cause;
  std::uint64_t outputs = 0;  ///< of all its streams, closed ones too
  std::uint64_t dropped = 0;
  std::uint64_t late = 0;
  std::uint64_t failed = 0;
  std::uint64_t retried = 0;
  double frames_per_s = 0;
  Percentiles latency;  ///< capture to outcome, of those with outputs
};

struct FleetMetrics {
  TimePoint time;
  Duration window{0};  ///< over which rates and utilisation were measured
  std::vector<BoardMetrics> boards;
  std::vector<DeviceMetrics> devices;
  std::vector<InstanceMetrics> instances;
  std::vector<StreamMetrics> streams;  ///< open ones
  std::vector<ModelMetrics> models;
  std::uint64_t outputs = 0;  ///< of all streams, closed ones too
  std::uint64_t dropped = 0;
  std::uint64_t late = 0;
  std::uint64_t failed = 0;
  std::size_t memory_used_bytes = 0;  ///< for frames, in use or kept for the next ones
  double host_cpu = 0;                ///< this process, CPUs
};

/// One thing that binds, or does not, with its number.
struct Limit {
  std::string what;  ///< "cores", "host CPU", "host memory", "window", "source", "consumer", "health"
  double share = 0;  ///< how far it is used up, 0..1
  std::string text;  ///< a sentence with the numbers
};

struct Explanation {
  std::string binds;          ///< the first of `limits`
  std::string text;           ///< a sentence
  std::vector<Limit> limits;  ///< tightest first
};

}  // namespace polymetis
