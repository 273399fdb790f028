#pragma once

#include <string>
#include <vector>

#include "layout.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis::testing {

enum class Act {
  flood,     ///< the cards are kept busy while the faults strike
  wait,      ///< time passes
  frames,    ///< are submitted until the stream is full
  future,    ///< a frame with the stream's model, on a stream of its own
  cancel,    ///< of the stream
  close,     ///< of the stream
  bounds,    ///< are checked
  settle,    ///< everything is answered, the faults are over and every card is ready
  capacity,  ///< is measured
};

struct Step {
  Act act = Act::wait;
  unsigned stream = 0;  ///< its number
  unsigned frames = 0;
  Duration lasts{0};
};

struct StreamPlan {
  unsigned number = 0;
  unsigned model = 0;
  StreamOptions options;
};

/// All that happens in a schedule in virtual time, thrown before anything runs: what is left when something is taken out stays the same.
struct Script {
  Layout layout;
  FleetOptions options;
  std::vector<StreamPlan> streams;
  std::vector<Step> steps;

  /// For a person to read.
  [[nodiscard]] std::string text() const;
};

Script random_script(std::uint64_t seed, unsigned models);

/// Policy, priority, weight, queue and perhaps a deadline of stream `number`, at the shortest `shortest_deadline`.
StreamOptions random_stream(Dice& dice, std::size_t number, std::chrono::milliseconds shortest_deadline);

}  // namespace polymetis::testing
