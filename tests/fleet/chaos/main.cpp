// polymetis_chaos: seeded fault schedules over virtual cards. Each promise of the fleet is checked on each; docs/fleet.md says which.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "shorten.hpp"

namespace polymetis::testing {
namespace {

struct Wishes {
  std::string seeds = "0..1000";
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  double seconds = 1e9;
  double stall_s = 20;
  bool threads = false;
  bool expect_caught = false;
  bool json = false;
};

/// "A..B"; "" or what is wrong with it.
std::string read_seeds(Wishes& wishes) {
  unsigned long long from = 0;
  unsigned long long to = 0;
  if (std::sscanf(wishes.seeds.c_str(), "%llu..%llu", &from, &to) != 2 || from >= to)
    return "--seeds is A..B with A below B, such as 0..1000; got " + wishes.seeds;
  wishes.from = from;
  wishes.to = to;
  return "";
}

void describe(CLI::App& app, Wishes& wishes) {
  app.add_option("--seeds", wishes.seeds, "run the schedules of seeds A to B - 1, A..B")->capture_default_str();
  app.add_option("--seconds", wishes.seconds, "stop after so long");
  app.add_flag("--threads", wishes.threads, "on real threads instead of in virtual time");
  app.add_option("--stall", wishes.stall_s, "with --threads: nothing moving for so many seconds is a broken promise")->capture_default_str();
  app.add_flag("--expect-caught", wishes.expect_caught, "a broken promise is what is wanted (for deliberate bugs)");
  app.add_flag("--json", wishes.json, "print what was found as JSON");
  app.footer(
      "Every 50th schedule in virtual time runs twice and must give the same results to the nanosecond.\n"
      "In virtual time the schedule that is printed is a shortened one, which breaks a promise too.\n"
      "Exit status: 0 all promises were kept (one was broken and its schedule shortened, with --expect-caught), 1 not, 130 interrupted, else wrong "
      "usage.");
}

std::atomic<bool> interrupted{false};

struct Found {
  std::uint64_t schedules = 0;
  std::uint64_t frames = 0;
  std::uint64_t seed = 0;  // of `verdict`
  Verdict verdict;         // the first broken promise
  Shortened shortened;     // in virtual time
  double seconds = 0;
  [[nodiscard]] double a_minute() const { return 60 * static_cast<double>(schedules) / seconds; }
};

Verdict run_one(std::uint64_t seed, const Networks& networks, const Wishes& wishes) {
  if (wishes.threads) return run_on_threads(seed, networks, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wishes.stall_s)));
  return judge(seed, script_of(seed), networks);
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
  if (found.verdict.wrong.empty() || wishes.threads) return found;
  std::fprintf(stderr, "seed %llu breaks a promise, its schedule is being shortened\n", static_cast<unsigned long long>(found.seed));
  found.shortened = shorten(found.seed, found.verdict.wrong, interrupted);
  return found;
}

nlohmann::json json_of(const Found& found, const Wishes& wishes) {
  nlohmann::json all{{"schedules", found.schedules}, {"frames", found.frames},
                     {"seconds", found.seconds},     {"schedules_per_minute", found.a_minute()},
                     {"threads", wishes.threads},    {"broken", nlohmann::json()}};
  if (found.verdict.wrong.empty()) return all;
  all["broken"] = {{"seed", found.seed}, {"promise", found.verdict.wrong}, {"schedule", found.verdict.schedule}};
  const Shortened& less = found.shortened;
  if (!less.wrong.empty())
    all["broken"]["shortened"] = {
        {"promise", less.wrong}, {"schedule", less.schedule}, {"left", less.left}, {"runs", less.runs}, {"ended", less.ended}};
  return all;
}

void print_broken(const Found& found, const Wishes& wishes) {
  const Shortened& less = found.shortened;
  fmt::print("seed {}: {}\n", found.seed, found.verdict.wrong);
  if (less.is_shorter)
    fmt::print("shortened in {} runs{} to {}; it breaks:\n{}\n", less.runs, less.ended ? "" : " (more could go)", less.left, less.wrong);
  fmt::print("{}", less.is_shorter ? less.schedule : found.verdict.schedule);
  fmt::print("Again: polymetis_chaos --seeds {}..{}{}\n", found.seed, found.seed + 1, wishes.threads ? " --threads" : "");
}

void print(const Found& found, const Wishes& wishes) {
  if (wishes.json) return static_cast<void>(std::puts(json_of(found, wishes).dump(1).c_str()));
  if (!found.verdict.wrong.empty()) return print_broken(found, wishes);
  fmt::print("{} schedules {}, {} frames, every promise kept; {:.0f} schedules a minute\n", found.schedules,
             wishes.threads ? "on threads" : "in virtual time", found.frames, found.a_minute());
}

/// With --expect-caught: that the schedule can be shortened is wanted as well.
bool is_as_wished(const Found& found, const Wishes& wishes) {
  if (!wishes.expect_caught) return found.verdict.wrong.empty();
  return !found.verdict.wrong.empty() && (wishes.threads || found.shortened.is_shorter);
}

}  // namespace
}  // namespace polymetis::testing

int main(int count, char** words) {
  using namespace polymetis::testing;
  CLI::App app("Seeded fault schedules over virtual cards; docs/fleet.md says what is checked on each.", "polymetis_chaos");
  Wishes wishes;
  describe(app, wishes);
  CLI11_PARSE(app, count, words);
  if (const std::string wrong = read_seeds(wishes); !wrong.empty()) return app.exit(CLI::ValidationError(wrong));
  std::signal(SIGINT, [](int) { interrupted = true; });
  const Found found = run(wishes);
  print(found, wishes);
  if (interrupted) return 130;
  return is_as_wished(found, wishes) ? 0 : 1;
}
