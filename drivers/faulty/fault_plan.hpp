#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "polymetis/host.hpp"

namespace polymetis::faulty {

/// What goes wrong. The first three befall a device and what runs on it; the others befall jobs.
enum class FaultKind {
  lost,                   ///< the device is gone from the list, its jobs fail; back after `lasts`, and must then be opened and loaded again
  flapping,               ///< lost and back, again and again: every `every`, for `lasts`
  link_flap,              ///< its jobs fail while the link is down, for `lasts`; it stays in the list and what is loaded stays loaded
  hang,                   ///< the answer is held back: for `holds`, or until nobody waits for it
  timeout,                ///< the device gives up by itself after `holds`
  transfer_failed,        ///< fails at once, nothing is computed
  transfer_aborted,       ///< fails when the answer was due
  memory_error,           ///< fails when the answer was due
  error,                  ///< fails when the answer was due
  slow,                   ///< takes `factor` times as long
  corrupt,                ///< ends well, some bytes of the outputs are wrong
  answers_twice,          ///< ends, and then once more
  answers_after_abandon,  ///< no answer until nobody waits for it; then, after `holds`, a good one
};

/// One fault. It strikes where all conditions that are set are true. A plain value.
struct Fault {
  FaultKind kind = FaultKind::error;
  std::vector<std::string> devices;          ///< struck together, as the chips of a board; empty: every device
  std::optional<Duration> at;                ///< not before this time, counted from when the driver was made
  std::optional<std::uint64_t> at_job;       ///< not before this job, counted from 1 over `devices`
  std::optional<std::uint64_t> jobs;         ///< at most so many jobs
  std::optional<double> probability;         ///< of each job, 0..1
  std::vector<std::byte> input_starts_with;  ///< only jobs whose first input begins so: a frame that hurts every card it meets
  std::optional<Duration> lasts;             ///< ends this long after it began; absent: never (link_flap 50 ms, flapping half of `every`)
  std::optional<Duration> holds;             ///< hang: absent = until abandoned; timeout: 1 s; answers_after_abandon: 10 ms
  double factor = 10.0;                      ///< slow
  Duration every = std::chrono::seconds(1);  ///< flapping
};

/// Faults and what makes their dice: the same seed strikes the same jobs.
struct FaultPlan {
  std::vector<Fault> faults;
  std::uint64_t seed = 0;
};

}  // namespace polymetis::faulty
