#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fleet/ids.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::fleet {

/// What a model answers to the probe's input, by the vote of the devices: the answer of most of them, the oldest among equals, so one card
/// that computes wrongly is found where there are three, and is called different where there are two. Thread-bound.
class KnownAnswer {
 public:
  /// Whether `device` answered as most do.
  bool is_right(DeviceId device, std::uint64_t answer);

 private:
  struct Vote {
    DeviceId device;
    std::uint64_t answer;
  };
  std::vector<Vote> votes_;
};

/// A number that two equal answers share.
std::uint64_t digest_of(std::span<const Buffer> outputs) noexcept;
/// Fills a probe's input: the same bytes for every device.
void fill_probe(std::span<const Buffer> inputs) noexcept;

}  // namespace polymetis::fleet
