#include "scene.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace polymetis::testing {

namespace {

constexpr std::array of_devices = {"lost", "flapping", "link_flap"};
constexpr std::array of_jobs = {"hang", "timeout", "transfer_failed", "transfer_aborted", "memory_error",         "error",
                                "slow", "corrupt", "corrupt",         "answers_twice",    "answers_after_abandon"};

/// Makes a scene from what the dice say. Thread-bound.
class Stage {
 public:
  Stage(Dice& dice, const Pace& pace) : dice_(dice), pace_(pace) {}

  Scene build(std::uint64_t seed) {
    scene_.topology = fmt::format("seed = {}\n", seed % 1000000);
    const unsigned boards = dice_.between(1, 4);
    for (unsigned b = 0; b < boards; ++b) add_board(b);
    if (dice_.one_in(6)) add_poison();
    return std::move(scene_);
  }

 private:
  void add_board(unsigned number) {
    const unsigned cores = dice_.between(1, 4);
    const unsigned fps = dice_.between(pace_.slowest, pace_.fastest);
    text("[[board]]\nname = \"board{}\"\ncores = {}\ntiming = {{ fps = {} }}\n", number, cores, fps);
    std::vector<std::string> cards;
    const unsigned chips = dice_.between(1, 2);
    for (unsigned c = 0; c < chips; ++c) {
      cards.push_back(fmt::format("metis-0:{}:0", ++bus_));
      scene_.rates[cards.back()] = static_cast<double>(cores) * fps;
      text("[[board.device]]\nname = \"{}\"\n", cards.back());
      if (dice_.one_in(3)) add_fault("board.device.fault", {cards.back()});
    }
    if (dice_.one_in(3)) add_fault("board.fault", cards);
  }

  void add_fault(const char* table, const std::vector<std::string>& cards) {
    const unsigned roll = dice_.below(of_devices.size() + of_jobs.size());
    const bool of_device = roll < of_devices.size();
    const std::string kind = of_device ? of_devices.at(roll) : of_jobs.at(roll - of_devices.size());
    const bool flaps = kind == "flapping";  // without end: `lasts` is how long it is gone each time
    const double at = share(pace_.faults_begin_s);
    const double lasts = flaps ? 0.1 : 0.05 + share(pace_.faults_last_s);
    scene_.over_s = std::max(scene_.over_s, at + lasts);
    text("[[{}]]\nkind = \"{}\"\nat = {}\nlasts = {}\n", table, kind, at, lasts);
    if (kind == "timeout") text("holds = 0.05\n");
    if (flaps) text("every = 0.3\n");
    const bool always = of_device || !dice_.one_in(2);
    if (!always) text("probability = {}\n", 0.02 + dice_.below(50) / 100.0);
    for (const std::string& card : cards) ++scene_.faults[card];
    scene_.struck.insert(cards.begin(), cards.end());
    if (kind == "corrupt")
      for (const std::string& card : cards) scene_.corrupt[card].push_back({at, at + lasts, always});
    scene_.endless = scene_.endless || flaps;
  }

  /// On every board, so that the frame meets it wherever it goes.
  void add_poison() {
    scene_.poison = true;
    const std::string fault =
        fmt::format("[[board.fault]]\nkind = \"{}\"\ninput_starts_with = \"{:02x}\"\n", dice_.one_in(2) ? "error" : "hang", Scene::poison_byte);
    std::string& all = scene_.topology;
    for (std::size_t at = all.rfind("[[board]]"); at != std::string::npos; at = at == 0 ? std::string::npos : all.rfind("[[board]]", at - 1)) {
      const std::size_t next = all.find("[[board]]", at + 1);
      all.insert(next == std::string::npos ? all.size() : next, fault);
    }
  }

  double share(double most) { return most * dice_.below(1000) / 1000.0; }
  template <class... Values>
  void text(fmt::format_string<Values...> form, Values&&... values) {
    fmt::format_to(std::back_inserter(scene_.topology), form, std::forward<Values>(values)...);
  }

  Dice& dice_;
  const Pace pace_;
  Scene scene_;
  unsigned bus_ = 0;
};

}  // namespace

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

Scene random_scene(Dice& dice, std::uint64_t seed, const Pace& pace) { return Stage(dice, pace).build(seed); }

}  // namespace polymetis::testing
