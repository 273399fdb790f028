#include "bed.hpp"

namespace polymetis::testing {

namespace {

std::string check_counts(const StreamMetrics& metrics, const Source& source) {
  const std::uint64_t told[] = {metrics.outputs, metrics.dropped, metrics.late, metrics.failed};
  constexpr Outcome kinds[] = {Outcome::outputs, Outcome::dropped, Outcome::late, Outcome::failed};
  for (std::size_t k = 0; k < std::size(kinds); ++k) {
    const std::uint64_t seen = source.by_outcome[static_cast<int>(kinds[k])];
    if (told[k] != seen)
      return fmt::format("{}: the metrics tell of {} {} frames, {} were seen", metrics.name, told[k], outcome_name(kinds[k]), seen);
  }
  return metrics.offered == source.accepted
             ? ""
             : fmt::format("{}: the metrics tell of {} frames offered, {} were", metrics.name, metrics.offered, source.accepted);
}

const StreamMetrics* metrics_of(const FleetMetrics& metrics, const Source& source) {
  for (const StreamMetrics& stream : metrics.streams)
    if (stream.name == source.stream.name()) return &stream;
  return nullptr;
}

}  // namespace

std::string check_fleet(const Fleet& fleet, const std::vector<std::unique_ptr<Source>>& sources, const Scene& scene) {
  const FleetMetrics metrics = fleet.metrics();
  for (const auto& source : sources) {
    if (source->closed) continue;
    const StreamMetrics* told = metrics_of(metrics, *source);
    if (told == nullptr) return source->stream.name() + " is missing in the metrics";
    if (std::string wrong = check_counts(*told, *source); !wrong.empty()) return wrong;
  }
  if (scene.poison || scene.outvoted()) return "";  // any card may be suspected, or be called wrong by those that are
  for (const DeviceHealth& card : fleet.health()) {
    if (scene.struck.count(card.name) > 0) continue;
    if (card.state != DeviceState::ready || card.failures + card.hangs + card.readmissions > 0)
      return fmt::format("{} has no fault, and is {} with {} failures, {} hangs and {} readmissions: {}", card.name, device_state_name(card.state),
                         card.failures, card.hangs, card.readmissions, card.cause);
  }
  return "";
}

std::string check_bounds(const FleetMetrics& metrics, const std::vector<std::unique_ptr<Source>>& sources, std::size_t memory_bytes) {
  if (metrics.memory_used_bytes > memory_bytes) return fmt::format("{} bytes are held, {} are allowed", metrics.memory_used_bytes, memory_bytes);
  for (const auto& source : sources) {
    const StreamMetrics* told = metrics_of(metrics, *source);
    const std::size_t most = source->options.queue_frames;
    if (told != nullptr && most > 0 && told->waiting > most)
      return fmt::format("{}: {} frames wait, {} are allowed", told->name, told->waiting, most);
  }
  return "";
}

std::string check_nothing_held(const Networks& networks) {
  for (const auto& model : networks.models)
    if (model.use_count() > 1) return fmt::format("{} others hold {} after everything was closed", model.use_count() - 1, model->name);
  return "";
}

bool all_ready(const Fleet& fleet) {
  for (const DeviceHealth& card : fleet.health())
    if (card.state != DeviceState::ready) return false;
  return true;
}

}  // namespace polymetis::testing
