#include "scene.hpp"

#include <algorithm>

namespace polymetis::testing {

Scene::Scene(const Layout& layout) : topology(layout.text()), poison(!layout.poison.empty()), endless(layout.endless()) {
  for (const Board& board : layout.boards)
    for (const Card& card : board.cards) {
      rates[card.name] = static_cast<double>(board.cores) * board.fps;
      for (const Fault& fault : card.faults) add(card.name, fault);
      for (const Fault& fault : board.faults) add(card.name, fault);
    }
}

void Scene::add(const std::string& card, const Fault& fault) {
  const double until_s = fault.at_s + fault.lasts_s;
  over_s = std::max(over_s, until_s);
  ++faults[card];
  struck.insert(card);
  if (fault.kind == "corrupt") corrupt[card].push_back({fault.at_s, until_s, fault.percent == 100});
}

bool Scene::may_corrupt(const std::string& card, TimePoint from, TimePoint until) const {
  const auto spans = corrupt.find(card);
  if (spans == corrupt.end()) return false;
  const auto at = [this](double s) { return begin + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s)); };
  return std::any_of(spans->second.begin(), spans->second.end(),
                     [&](const Span& span) { return from <= at(span.until_s) + lateness && until >= at(span.from_s) - lateness; });
}

std::vector<std::string> Scene::surely_wrong(double seconds) const {
  std::vector<std::string> found;
  if (poison || outvoted()) return found;
  for (const auto& [card, spans] : corrupt)
    if (faults.at(card) == 1 && spans[0].always && spans[0].until_s - spans[0].from_s >= seconds) found.push_back(card);
  return found;
}

}  // namespace polymetis::testing
