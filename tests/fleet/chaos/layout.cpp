#include "layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "scene.hpp"

namespace polymetis::testing {

namespace {

constexpr std::array of_devices = {"lost", "flapping", "link_flap"};
constexpr std::array of_jobs = {"hang", "timeout", "transfer_failed", "transfer_aborted", "memory_error",         "error",
                                "slow", "corrupt", "corrupt",         "answers_twice",    "answers_after_abandon"};

double share(Dice& dice, double most) { return most * dice.below(1000) / 1000.0; }

Fault random_fault(Dice& dice, const Pace& pace) {
  const unsigned roll = dice.below(of_devices.size() + of_jobs.size());
  const bool of_device = roll < of_devices.size();
  Fault fault{.kind = of_device ? of_devices.at(roll) : of_jobs.at(roll - of_devices.size())};
  fault.at_s = share(dice, pace.faults_begin_s);
  fault.lasts_s = fault.endless() ? 0.1 : 0.05 + share(dice, pace.faults_last_s);
  if (!of_device && dice.one_in(2)) fault.percent = 2 + dice.below(50);
  return fault;
}

Board random_board(Dice& dice, const Pace& pace, unsigned number, unsigned& bus) {
  Board board{.name = fmt::format("board{}", number)};
  board.cores = dice.between(1, 4);
  board.fps = dice.between(pace.slowest, pace.fastest);
  const unsigned chips = dice.between(1, 2);
  for (unsigned c = 0; c < chips; ++c) {
    board.cards.push_back({.name = fmt::format("metis-0:{}:0", ++bus)});
    if (dice.one_in(3)) board.cards.back().faults.push_back(random_fault(dice, pace));
  }
  if (dice.one_in(3)) board.faults.push_back(random_fault(dice, pace));
  return board;
}

std::string text_of(const char* table, const Fault& fault) {
  std::string text = fmt::format("[[{}]]\nkind = \"{}\"\nat = {}\nlasts = {}\n", table, fault.kind, fault.at_s, fault.lasts_s);
  if (fault.kind == "timeout") text += "holds = 0.05\n";
  if (fault.kind == "flapping") text += "every = 0.3\n";
  if (fault.percent < 100) text += fmt::format("probability = {}\n", fault.percent / 100.0);
  return text;
}

std::string text_of(const Board& board) {
  std::string text = fmt::format("[[board]]\nname = \"{}\"\ncores = {}\ntiming = {{ fps = {} }}\n", board.name, board.cores, board.fps);
  for (const Card& card : board.cards) {
    text += fmt::format("[[board.device]]\nname = \"{}\"\n", card.name);
    for (const Fault& fault : card.faults) text += text_of("board.device.fault", fault);
  }
  for (const Fault& fault : board.faults) text += text_of("board.fault", fault);
  return text;
}

}  // namespace

bool Layout::endless() const {
  const auto any = [](const std::vector<Fault>& faults) {
    return std::any_of(faults.begin(), faults.end(), [](const Fault& f) { return f.endless(); });
  };
  return std::any_of(boards.begin(), boards.end(), [&](const Board& board) {
    return any(board.faults) || std::any_of(board.cards.begin(), board.cards.end(), [&](const Card& card) { return any(card.faults); });
  });
}

std::string Layout::text() const {
  std::string text = fmt::format("seed = {}\n", seed);
  for (const Board& board : boards) {
    text += text_of(board);
    // On every board, so that the frame meets it wherever it goes.
    if (!poison.empty()) text += fmt::format("[[board.fault]]\nkind = \"{}\"\ninput_starts_with = \"{:02x}\"\n", poison, Scene::poison_byte);
  }
  return text;
}

Layout random_layout(Dice& dice, std::uint64_t seed, const Pace& pace) {
  Layout layout{.seed = seed % 1000000};
  const unsigned boards = dice.between(1, 4);
  unsigned bus = 0;
  for (unsigned b = 0; b < boards; ++b) layout.boards.push_back(random_board(dice, pace, b, bus));
  if (dice.one_in(6)) layout.poison = dice.one_in(2) ? "error" : "hang";
  return layout;
}

}  // namespace polymetis::testing
