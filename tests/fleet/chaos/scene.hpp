#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dice.hpp"
#include "polymetis/host.hpp"

namespace polymetis::testing {

/// A time in which a fault strikes, from the scene's beginning.
struct Span {
  double from_s = 0;
  double until_s = 0;
  bool always = true;  ///< every job
};

/// Boards, cards and what befalls them.
struct Scene {
  std::string topology;
  std::map<std::string, double> rates;               ///< frames/s of each card
  std::set<std::string> struck;                      ///< cards that have a fault
  std::map<std::string, std::vector<Span>> corrupt;  ///< when a fault may change a card's outputs
  bool poison = false;                               ///< frames that begin with `poison_byte` fail or hang on every card
  double over_s = 0;                                 ///< after so long no fault strikes any more
  bool endless = false;                              ///< a fault that never ends: some card need not be ready at the end

  std::map<std::string, unsigned> faults;  ///< how many a card has, its board's too
  TimePoint begin;                         ///< when the cards were made
  Duration lateness{};                     ///< how far this computer may be behind the times above: none in virtual time

  /// Whether outputs that `card` computed then may be wrong.
  /// Cards that compute every frame wrongly for at least so long, have no other trouble and are outvoted by the right ones.
  [[nodiscard]] std::vector<std::string> surely_wrong(double seconds) const;
  /// Whether the cards that compute wrongly may be as many as the others.
  [[nodiscard]] bool outvoted() const { return !corrupt.empty() && 2 * corrupt.size() >= rates.size(); }
  [[nodiscard]] bool may_corrupt(const std::string& card, TimePoint from, TimePoint until) const;

  static constexpr int poison_byte = 0x7f;  ///< the input of no other frame begins so
};

/// How long things take: a virtual second costs nothing, a real one does.
struct Pace {
  double faults_begin_s = 1.5;  ///< at the latest
  double faults_last_s = 1.2;   ///< at most, with a twentieth of a second more
  unsigned slowest = 100;       ///< frames/s a core
  unsigned fastest = 900;
};

/// 1 to 8 cards on 1 to 4 boards, a third of the cards and of the boards with a fault.
Scene random_scene(Dice& dice, std::uint64_t seed, const Pace& pace);

}  // namespace polymetis::testing
