#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "polymetis/driver.hpp"
#include "polymetis/host.hpp"
#include "polymetis/status.hpp"

namespace polymetis {

/// How a frame ended.
enum class Outcome : std::uint8_t {
  outputs,  ///< it ran; its outputs are there
  dropped,  ///< a full queue's policy gave it up, or its stream was cancelled or closed before it ran
  late,     ///< its deadline passed first; outputs that came later were thrown away
  failed,   ///< it could not be run; `status` is the first cause
};

/// The name of an outcome, such as "dropped". Static storage. Reentrant.
POLYMETIS_API const char* outcome_name(Outcome outcome) noexcept;

/// When things happened to a frame, on the host's clock; zero where they never did. Those between `submitted` and `ended` are of the
/// attempt that counted.
struct FrameTimes {
  TimePoint captured;  ///< as given; else `submitted`
  TimePoint submitted;
  TimePoint started;  ///< given to a device
  TimePoint input_started;
  TimePoint compute_started;
  TimePoint compute_ended;
  TimePoint output_ended;
  TimePoint ended;      ///< its outcome was known
  TimePoint delivered;  ///< it was its turn
};

/// The end of one frame. It owns its outputs until it is destroyed or moved from; they go back to the fleet then. Reentrant; outlives its
/// stream and its fleet.
class POLYMETIS_API Result {
 public:
  struct Lease;
  Result() noexcept;
  Result(Result&&) noexcept;
  Result& operator=(Result&&) noexcept;
  ~Result();

  std::uint64_t number = 0;  ///< of the frame in its stream, from 0 without a gap
  std::uint64_t tag = 0;     ///< as given to `submit`
  Outcome outcome = Outcome::dropped;
  Status status;  ///< why, if there are no outputs
  FrameTimes times;
  std::uint32_t device = no_device;  ///< index in `Fleet::devices()` of the device that answered
  std::uint32_t attempts = 0;        ///< runs that were begun, also those that were abandoned

  static constexpr std::uint32_t no_device = ~0U;

  [[nodiscard]] bool ok() const noexcept { return outcome == Outcome::outputs; }
  /// One span a model output, in the order of `Model::outputs`, as one frame's part of the tensor. Empty unless `ok()`. Valid as long as
  /// this result.
  [[nodiscard]] std::span<const std::span<const std::byte>> outputs() const noexcept;
  /// Gives the outputs back to the fleet before this result ends; the rest of it stays.
  void release_outputs() noexcept { lease_.reset(); }

 private:
  friend class FleetAccess;
  std::unique_ptr<Lease, void (*)(Lease*)> lease_;
};

}  // namespace polymetis
