#pragma once

#include <string>
#include <vector>

#include "fleet/plan.hpp"
#include "fleet/recorder.hpp"

namespace polymetis::fleet {

/// What a replay found.
struct Replay {
  std::uint64_t events = 0;
  Duration span{0};
  bool same = true;                    ///< every digest in the recording equals that of the replayed decisions
  std::uint64_t first_difference = 0;  ///< events before the first digest that differs
  bool whole = false;                  ///< it ends with a digest, as a recording that was closed does
  struct Change {
    TimePoint time;
    std::string subject;
    std::string state;
    std::string was;
    std::string cause;
  };
  std::vector<Change> changes;
  TimePoint begin;
};

/// Feeds the recording `bytes` to a fresh plan in virtual time. `plan` is it afterwards, for its tables.
/// Errors: `value_error` no recording, or another version; damaged, with the place.
Expected<Replay> replay(std::string_view bytes, std::unique_ptr<Plan>& plan);

}  // namespace polymetis::fleet
