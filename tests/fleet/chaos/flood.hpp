#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bed.hpp"

namespace polymetis::testing {

/// Streams that are always full, in virtual time: what cards give when there is always something to do. Thread-bound.
class Flood {
 public:
  Flood(Fleet& fleet, const Scene& scene, const Networks& networks);

  /// While the faults strike, cards without one have no pause that another's trouble made; "" or what is wrong.
  std::string check_pauses();
  /// After the faults the cards together give what their rates are.
  std::string check_capacity();
  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }

 private:
  using Runs = std::vector<std::pair<TimePoint, TimePoint>>;
  std::vector<Stream> open_all(const ResultCallback& callback);
  void keep_full(std::vector<Stream>& streams, Duration duration);
  void fill(Stream& stream);
  std::string check_pauses_of(const std::string& card, Runs& runs, TimePoint end);
  void wait(Duration duration);

  Fleet& fleet_;
  Host& host_;
  const Scene& scene_;
  const Networks& networks_;
  std::uint64_t accepted_ = 0;
};

}  // namespace polymetis::testing
