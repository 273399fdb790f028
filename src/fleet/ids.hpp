#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace polymetis::fleet {

/// A place in one of the plan's tables; a type of its own for each table, so that they cannot be mixed up.
template <class Tag>
struct Id {
  static constexpr std::uint32_t absent = ~0U;
  std::uint32_t value = absent;

  constexpr Id() = default;
  constexpr explicit Id(std::size_t index) : value(static_cast<std::uint32_t>(index)) {}
  [[nodiscard]] constexpr bool valid() const noexcept { return value != absent; }
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

using DeviceId = Id<struct DeviceTag>;
using ModelId = Id<struct ModelTag>;
using ExecutorId = Id<struct ExecutorTag>;  ///< an instance of a model on cores of a device, whatever driver's instance serves it now
using StreamId = Id<struct StreamTag>;
using FrameId = Id<struct FrameTag>;  ///< used again after `Actions::releases` named it
using JobId = Id<struct JobTag>;      ///< one run on an executor; used again after its end was told

}  // namespace polymetis::fleet
