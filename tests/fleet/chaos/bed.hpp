#pragma once

#include <map>

#include "script.hpp"
#include "source.hpp"

namespace polymetis::testing {

/// The networks of all schedules, written once. Thread-safe.
class Networks {
 public:
  Networks() {
    for (const int add : adds) {
      TestNetwork network;
      network.name = fmt::format("adds{}", add);
      network.add = add;
      models.push_back(value_of(Model::load(write_test_package(folder_.path() / network.name, network))));
    }
  }
  std::vector<std::shared_ptr<const Model>> models;

 private:
  TemporaryFolder folder_;
};

/// A context over the cards of a scene.
struct SceneBed {
  SceneBed(const Scene& scene, std::shared_ptr<Host> host) : context(context_over(folder, scene.topology, std::move(host))) {}
  TemporaryFolder folder;
  Context context;
};

/// What one schedule found.
struct Verdict {
  std::string wrong;     ///< "" where every promise was kept
  std::string schedule;  ///< for a person to read
  std::uint64_t frames = 0;
  std::uint64_t digest = 0;  ///< of all results: the same seed gives the same one in virtual time
};

/// One schedule in virtual time: exact, so it checks times as well.
Verdict run_in_virtual_time(const Script& script, const Networks& networks);
/// One schedule on threads: a submitter and a consumer for each stream. `stall`: nothing ends for so long, which is a failure.
Verdict run_on_threads(std::uint64_t seed, const Networks& networks, Duration stall);

/// What can be said of a fleet after all its sources have ended and all faults are over; "" or what is wrong.
std::string check_fleet(const Fleet& fleet, const std::vector<std::unique_ptr<Source>>& sources, const Scene& scene);
/// Queues and memory are bounded at any time.
std::string check_bounds(const FleetMetrics& metrics, const std::vector<std::unique_ptr<Source>>& sources, std::size_t memory_bytes);
/// Once a schedule's fleet, streams and results are gone, so are their dispatcher, instances and memory: nobody holds a model any more.
std::string check_nothing_held(const Networks& networks);
[[nodiscard]] bool all_ready(const Fleet& fleet);

}  // namespace polymetis::testing
