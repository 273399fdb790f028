#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "layout.hpp"
#include "polymetis/host.hpp"

namespace polymetis::testing {

/// A time in which a fault strikes, from the scene's beginning.
struct Span {
  double from_s = 0;
  double until_s = 0;
  bool always = true;  ///< every job
};

/// What a layout says of its cards: all that the checks must know.
struct Scene {
  Scene() = default;
  explicit Scene(const Layout& layout);

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

  /// Cards that compute every frame wrongly for at least so long, have no other trouble and are outvoted by the right ones.
  [[nodiscard]] std::vector<std::string> surely_wrong(double seconds) const;
  /// Whether the cards that compute wrongly may be as many as the others.
  [[nodiscard]] bool outvoted() const { return !corrupt.empty() && 2 * corrupt.size() >= rates.size(); }
  /// Whether outputs that `card` computed then may be wrong.
  [[nodiscard]] bool may_corrupt(const std::string& card, TimePoint from, TimePoint until) const;

  static constexpr int poison_byte = 0x7f;  ///< the input of no other frame begins so

 private:
  void add(const std::string& card, const Fault& fault);
};

}  // namespace polymetis::testing
