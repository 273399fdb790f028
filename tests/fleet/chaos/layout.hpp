#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dice.hpp"

namespace polymetis::testing {

/// A fault of a card, or of a board and with it of all its cards.
struct Fault {
  std::string kind;
  double at_s = 0;
  double lasts_s = 0;      ///< of an endless one: how long the card is gone each time
  unsigned percent = 100;  ///< of the jobs
  [[nodiscard]] bool endless() const { return kind == "flapping"; }
};

struct Card {
  std::string name;
  std::vector<Fault> faults;
};

struct Board {
  std::string name;
  unsigned cores = 1;
  unsigned fps = 100;  ///< of each core
  std::vector<Card> cards;
  std::vector<Fault> faults;
};

/// Boards, cards and what befalls them.
struct Layout {
  std::uint64_t seed = 0;  ///< of the cards' own dice
  std::vector<Board> boards;
  std::string poison;  ///< the kind of fault that every card has with a frame that begins with `Scene::poison_byte`; or ""

  [[nodiscard]] bool endless() const;
  /// As a topology file.
  [[nodiscard]] std::string text() const;
};

/// How long things take: a virtual second costs nothing, a real one does.
struct Pace {
  double faults_begin_s = 1.5;  ///< at the latest
  double faults_last_s = 1.2;   ///< at most, with a twentieth of a second more
  unsigned slowest = 100;       ///< frames/s a core
  unsigned fastest = 900;
};

/// 1 to 8 cards on 1 to 4 boards, a third of the cards and of the boards with a fault.
Layout random_layout(Dice& dice, std::uint64_t seed, const Pace& pace);

}  // namespace polymetis::testing
