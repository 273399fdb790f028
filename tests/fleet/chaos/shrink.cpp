#include "shrink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace polymetis::testing {

namespace {

constexpr const char* names[] = {"faults", "streams", "happenings", "cards", "waits", "frames"};

/// Goes over parts in their order and says of each whether it is cut.
class Cut {
 public:
  Cut(std::size_t from, std::size_t to) : from_(from), to_(to) {}
  bool next() {
    const std::size_t part = seen_++;
    return part >= from_ && part < to_;
  }
  template <class Things>
  void out_of(Things& things) {
    std::erase_if(things, [this](const auto&) { return next(); });
  }
  [[nodiscard]] std::size_t seen() const { return seen_; }

 private:
  const std::size_t from_;
  const std::size_t to_;
  std::size_t seen_ = 0;
};

void cut_faults(Layout& layout, Cut& cut) {
  for (Board& board : layout.boards) {
    for (Card& card : board.cards) cut.out_of(card.faults);
    cut.out_of(board.faults);
  }
  if (!layout.poison.empty() && cut.next()) layout.poison.clear();
}

void cut_cards(Layout& layout, Cut& cut) {
  for (Board& board : layout.boards) cut.out_of(board.cards);
  std::erase_if(layout.boards, [](const Board& board) { return board.cards.empty(); });
}

bool of_a_stream(Act act) { return act == Act::frames || act == Act::future || act == Act::cancel || act == Act::close; }

void cut_streams(Script& script, Cut& cut) {
  cut.out_of(script.streams);
  const auto is_gone = [&](unsigned number) {
    return std::none_of(script.streams.begin(), script.streams.end(), [&](const StreamPlan& stream) { return stream.number == number; });
  };
  std::erase_if(script.steps, [&](const Step& step) { return of_a_stream(step.act) && is_gone(step.stream); });
}

bool is(Part part, Act act) {
  if (part == Part::wait) return act == Act::wait;
  return part == Part::happening && act != Act::wait && act != Act::frames && act != Act::settle;
}

void cut_frames(std::vector<Step>& steps, Cut& cut) {
  for (Step& step : steps)
    if (step.act == Act::frames)
      for (unsigned left = step.frames; left > 0; --left) step.frames -= cut.next() ? 1 : 0;
  std::erase_if(steps, [](const Step& step) { return step.act == Act::frames && step.frames == 0; });
}

void apply(Cut& cut, Script& script, Part part) {
  if (part == Part::fault) return cut_faults(script.layout, cut);
  if (part == Part::card) return cut_cards(script.layout, cut);
  if (part == Part::stream) return cut_streams(script, cut);
  if (part == Part::frame) return cut_frames(script.steps, cut);
  std::erase_if(script.steps, [&](const Step& step) { return is(part, step.act) && cut.next(); });
}

void join_waits(std::vector<Step>& steps) {
  std::vector<Step> joined;
  for (const Step& step : steps) {
    if (step.act == Act::wait && !joined.empty() && joined.back().act == Act::wait)
      joined.back().lasts += step.lasts;
    else
      joined.push_back(step);
  }
  steps = std::move(joined);
}

class Shrinker {
 public:
  Shrinker(Script script, const Breaks& breaks, const GoesOn& goes_on) : script_(std::move(script)), breaks_(breaks), goes_on_(goes_on) {}

  Script shrink() {
    for (bool less = true; less;) {
      less = false;
      for (const Part part : all_parts) less = take_out(part) || less;
    }
    return std::move(script_);
  }

 private:
  /// All at once, then halves, quarters and so on, from the end: what came after the break goes first.
  bool take_out(Part part) {
    bool less = false;
    for (std::size_t size = count(script_, part); size > 0; size = std::min(size / 2, (count(script_, part) + 1) / 2))
      for (std::size_t to = count(script_, part); to > 0; to -= std::min(size, to)) less = try_without(part, to - std::min(size, to), to) || less;
    return less;
  }

  bool try_without(Part part, std::size_t from, std::size_t to) {
    if (!goes_on_()) return false;
    Script less = without(script_, part, from, to);
    if (less.layout.boards.empty() || less.streams.empty()) return false;
    if (!breaks_(less)) return false;
    script_ = std::move(less);
    return true;
  }

  Script script_;
  const Breaks& breaks_;
  const GoesOn& goes_on_;
};

}  // namespace

std::size_t count(const Script& script, Part part) {
  Cut nothing(0, 0);
  Script copy = script;
  apply(nothing, copy, part);
  return nothing.seen();
}

Script without(Script script, Part part, std::size_t from, std::size_t to) {
  Cut cut(from, to);
  apply(cut, script, part);
  join_waits(script.steps);
  return script;
}

std::string what_is_left(const Script& whole, const Script& left) {
  std::string text;
  for (const Part part : all_parts)
    text += fmt::format("{}{} of {} {}", text.empty() ? "" : ", ", count(left, part), count(whole, part), names[static_cast<std::size_t>(part)]);
  return text;
}

Script shrink(Script script, const Breaks& breaks, const GoesOn& goes_on) { return Shrinker(std::move(script), breaks, goes_on).shrink(); }

}  // namespace polymetis::testing
