#pragma once

#include <cstdint>
#include <string>

#include "polymetis/fleet.hpp"

namespace polymetis::testing {

/// One number for all that was seen, times as well. Thread-bound.
class Digest {
 public:
  void add(const Event& event) {
    add(event.time);
    for (const std::string& text : {event.subject, event.state, event.cause}) add(text);
  }
  void add(const Result& result) {
    for (const std::uint64_t value :
         {result.number, static_cast<std::uint64_t>(result.outcome), std::uint64_t{result.device}, std::uint64_t{result.attempts}})
      add(value);
    add(result.times.ended);
    add(result.status.to_string());
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  void add(std::uint64_t value) { value_ = (value_ ^ value) * 1099511628211U; }
  void add(TimePoint time) { add(static_cast<std::uint64_t>(time.time_since_epoch().count())); }
  void add(const std::string& text) {
    for (const char c : text) add(std::uint64_t{static_cast<unsigned char>(c)});
  }

  std::uint64_t value_ = 14695981039346656037U;
};

}  // namespace polymetis::testing
