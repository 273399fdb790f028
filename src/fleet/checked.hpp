#pragma once

#include <fmt/format.h>

#include "polymetis/driver.hpp"
#include "polymetis/status.hpp"

/// Options that a caller gives as numbers.
namespace polymetis::fleet {

inline constexpr Duration longest_time = std::chrono::seconds(1'000'000'000);

/// Error: `value_error` below 0, or so long that a sum of two overflows.
inline Status checked_time(const char* name, Duration time) {
  if (time >= Duration::zero() && time <= longest_time) return {};
  return {Code::value_error, fmt::format("{} is from 0 to 1e9 seconds; {} s was given.", name, std::chrono::duration<double>(time).count())};
}

/// Error: `value_error` not a share that can be weighed against others.
inline Status checked_weight(const char* what, double weight) {
  if (weight >= 1e-6 && weight <= 1e6) return {};
  return {Code::value_error, fmt::format("{} is from 1e-6 to 1e6; {} was given.", what, weight)};
}

}  // namespace polymetis::fleet
