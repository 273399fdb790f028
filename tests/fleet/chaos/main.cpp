// polymetis_chaos: seeded fault schedules over virtual cards. Each promise of the fleet is checked on each; docs/fleet.md says which.

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bed.hpp"

namespace polymetis::testing {
namespace {

constexpr const char* usage =
    "usage: polymetis_chaos [--seeds A..B] [--seconds S] [--threads] [--stall S] [--expect-caught] [--json]\n"
    "Runs the fault schedules of seeds A to B - 1 (0..1000), for S seconds at most, in virtual time or with --threads on real ones, where nothing "
    "moving\n"
    "for --stall seconds (20) is a failure. Every 50th schedule in virtual time runs twice and must give the same results to the nanosecond.\n"
    "--expect-caught: a broken promise is what is wanted (for deliberate bugs). --json: what was found, as JSON.\n"
    "Exit status: 0 all promises were kept (one was broken, with --expect-caught), 1 not, 2 wrong usage, 130 interrupted.\n";

struct Wishes {
  unsigned long long from = 0;
  unsigned long long to = 1000;
  double seconds = 1e9;
  double stall_s = 20;
  bool threads = false;
  bool expect_caught = false;
  bool json = false;
  bool help = false;
};

bool read(Wishes& wishes, int count, char** words) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : "";
    if (word == "--seeds" && std::sscanf(value, "%llu..%llu", &wishes.from, &wishes.to) == 2) {
      ++i;
    } else if (word == "--seconds" && std::sscanf(value, "%lf", &wishes.seconds) == 1) {
      ++i;
    } else if (word == "--stall" && std::sscanf(value, "%lf", &wishes.stall_s) == 1) {
      ++i;
    } else if (word == "--threads" || word == "--expect-caught" || word == "--json" || word == "--help") {
      (word == "--threads" ? wishes.threads : word == "--json" ? wishes.json : word == "--help" ? wishes.help : wishes.expect_caught) = true;
    } else {
      return false;
    }
  }
  return true;
}

std::atomic<bool> interrupted{false};

struct Found {
  std::uint64_t schedules = 0;
  std::uint64_t frames = 0;
  std::uint64_t seed = 0;  // of `verdict`
  Verdict verdict;         // the first broken promise
  double seconds = 0;
};

Verdict run_one(std::uint64_t seed, const Networks& networks, const Wishes& wishes) {
  if (wishes.threads) return run_on_threads(seed, networks, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wishes.stall_s)));
  Verdict verdict = run_in_virtual_time(seed, networks);
  if (seed % 50 == 0 && verdict.wrong.empty() && run_in_virtual_time(seed, networks).digest != verdict.digest)
    verdict.wrong = "the same seed gave other results";
  return verdict;
}

Found run(const Wishes& wishes) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const Networks networks;
  Found found;
  double shown = 0;
  for (std::uint64_t seed = wishes.from; seed < wishes.to && passed() < wishes.seconds && found.verdict.wrong.empty() && !interrupted; ++seed) {
    found.seed = seed;
    found.verdict = run_one(seed, networks, wishes);
    ++found.schedules;
    found.frames += found.verdict.frames;
    if (passed() - shown < 5 || wishes.json) continue;
    shown = passed();
    std::fprintf(stderr, "%llu schedules\n", static_cast<unsigned long long>(found.schedules));
  }
  found.seconds = passed();
  return found;
}

void print(const Found& found, const Wishes& wishes) {
  const double a_minute = 60 * static_cast<double>(found.schedules) / found.seconds;
  const bool broken = !found.verdict.wrong.empty();
  if (wishes.json) {
    const nlohmann::json all{
        {"schedules", found.schedules},
        {"frames", found.frames},
        {"seconds", found.seconds},
        {"schedules_per_minute", a_minute},
        {"threads", wishes.threads},
        {"broken",
         broken ? nlohmann::json{{"seed", found.seed}, {"promise", found.verdict.wrong}, {"schedule", found.verdict.schedule}} : nlohmann::json()}};
    return static_cast<void>(std::puts(all.dump(1).c_str()));
  }
  if (broken) {
    fmt::print("seed {}: {}\n{}\nAgain: polymetis_chaos --seeds {}..{}{}\n", found.seed, found.verdict.wrong,
               wishes.expect_caught ? "" : found.verdict.schedule, found.seed, found.seed + 1, wishes.threads ? " --threads" : "");
  } else {
    fmt::print("{} schedules {}, {} frames, every promise kept; {:.0f} schedules a minute\n", found.schedules,
               wishes.threads ? "on threads" : "in virtual time", found.frames, a_minute);
  }
}

}  // namespace
}  // namespace polymetis::testing

int main(int count, char** words) {
  using namespace polymetis::testing;
  Wishes wishes;
  if (!read(wishes, count, words) || wishes.help) {
    std::fputs(usage, wishes.help ? stdout : stderr);
    return wishes.help ? 0 : 2;
  }
  std::signal(SIGINT, [](int) { interrupted = true; });
  const Found found = run(wishes);
  print(found, wishes);
  if (interrupted) return 130;
  return found.verdict.wrong.empty() == wishes.expect_caught ? 1 : 0;
}
