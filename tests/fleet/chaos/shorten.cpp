#include "shorten.hpp"

#include "shrink.hpp"

namespace polymetis::testing {

namespace {

// Some seconds. A bound in seconds would give another schedule each time.
constexpr unsigned most_runs = 300;
constexpr std::uint64_t most_frames = 200000;

}  // namespace

Script script_of(std::uint64_t seed) { return random_script(seed, std::size(adds)); }

Verdict judge(std::uint64_t seed, const Script& script, const Networks& networks) {
  Verdict verdict = run_in_virtual_time(script, networks);
  if (seed % 50 == 0 && verdict.wrong.empty() && run_in_virtual_time(script, networks).digest != verdict.digest)
    verdict.wrong = "the same seed gave other results";
  return verdict;
}

Shortened shorten(std::uint64_t seed, const std::string& wrong, const std::atomic<bool>& stop) {
  Shortened less{.wrong = wrong};
  std::uint64_t frames = 0;
  const Breaks breaks = [&](const Script& script) {
    const Networks fresh;  // a broken schedule may have left something behind that holds the networks
    const Verdict verdict = judge(seed, script, fresh);
    ++less.runs;
    frames += verdict.frames;
    if (!verdict.wrong.empty()) less.wrong = verdict.wrong;
    return !verdict.wrong.empty();
  };
  const GoesOn goes_on = [&] { return !stop && less.runs < most_runs && frames < most_frames; };
  const Script whole = script_of(seed);
  const Script left = shrink(whole, breaks, goes_on);
  less.ended = goes_on();
  less.schedule = left.text();
  less.left = what_is_left(whole, left);
  less.is_shorter = less.schedule.size() < whole.text().size();
  return less;
}

}  // namespace polymetis::testing
