#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "fleet/ids.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::fleet {

/// What a model answers to the probe's input, by the vote of the devices: each has its latest answer. What was right stays right until another answer
/// has more votes, so a card that begins to compute wrongly is found, also the older of two; one that does from the start is found where there are
/// three, and of two the one that answered second is called different. Thread-bound.
class KnownAnswer {
 public:
  /// Whether `device` answered what is right.
  bool is_right(DeviceId device, std::uint64_t answer);

 private:
  [[nodiscard]] std::size_t count(std::uint64_t answer) const;

  std::map<DeviceId, std::uint64_t> votes_;
  std::uint64_t right_ = 0;
};

/// A number that two equal answers share.
std::uint64_t digest_of(std::span<const Buffer> outputs) noexcept;
/// Fills a probe's input: the same bytes for every device.
void fill_probe(std::span<const Buffer> inputs) noexcept;

}  // namespace polymetis::fleet
