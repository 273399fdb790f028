// Seeded fault schedules over virtual cards, in virtual time: random boards, faults, streams, policies, cancels and closes; then the promises are
// checked. A seed replays exactly.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "fleet_bed.hpp"

namespace polymetis::testing {
namespace {

using namespace std::chrono_literals;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  unsigned between(unsigned low, unsigned high) { return low + below(high - low + 1); }
  bool one_in(unsigned n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

std::string fault(Dice& dice, const char* table) {
  static constexpr const char* kinds[] = {"lost",  "flapping", "link_flap", "hang", "timeout", "transfer_failed", "transfer_aborted", "memory_error", "error",
                                          "slow", "answers_twice", "answers_after_abandon"};
  const char* kind = kinds[dice.below(std::size(kinds))];
  const double at = dice.below(1500) / 1000.0;
  const bool flaps = std::string(kind) == "flapping";  // without end: `lasts` is how long it is gone each time
  std::string text = fmt::format("[[{}]]\nkind = \"{}\"\nat = {}\nlasts = {}\n", table, kind, at, flaps ? 0.1 : 0.05 + dice.below(1200) / 1000.0);
  if (std::string(kind) == "timeout") text += "holds = 0.05\n";
  if (flaps) text += "every = 0.3\n";
  const bool of_a_job = std::string(kind) != "lost" && std::string(kind) != "flapping" && std::string(kind) != "link_flap";
  if (of_a_job && dice.one_in(2)) text += fmt::format("probability = {}\n", 0.02 + dice.below(50) / 100.0);
  return text;
}

std::string random_topology(Dice& dice, std::uint64_t seed) {
  std::string text = fmt::format("seed = {}\n", seed % 1000000);
  const unsigned boards = dice.between(1, 4);
  unsigned bus = 1;
  for (unsigned b = 0; b < boards; ++b) {
    text += fmt::format("[[board]]\nname = \"board{}\"\ncores = {}\ntiming = {{ fps = {} }}\n", b, dice.between(1, 4), dice.between(100, 900));
    const unsigned chips = dice.between(1, 2);
    for (unsigned c = 0; c < chips; ++c) {
      text += fmt::format("[[board.device]]\nname = \"metis-0:{}:0\"\n", bus++);
      if (dice.one_in(3)) text += fault(dice, "board.device.fault");
    }
    if (dice.one_in(3)) text += fault(dice, "board.fault");
  }
  return text;
}

struct Source {
  Stream stream;
  StreamOptions options;
  int add = 1;
  std::uint64_t accepted = 0;
  std::uint64_t answered = 0;
  bool closed = false;
  bool finished = false;
};

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed)
      : seed_(seed), dice_(seed), topology_(random_topology(dice_, seed)), host_(std::make_shared<base::LoopHost>()), bed_(topology_, host_) {}

  /// "" or what is wrong.
  std::string run() {
    FleetOptions options{.health = {.hang_floor = 20ms}};
    if (dice_.one_in(2)) options.no_card_wait = std::chrono::milliseconds(dice_.between(1, 2000));
    auto fleet = Fleet::create(bed_.context, options);
    if (!fleet) return fleet.error().to_string();
    fleet_ = *fleet;
    open_streams();
    const unsigned steps = dice_.between(50, 400);
    for (unsigned i = 0; i < steps && wrong_.empty(); ++i) step();
    if (wrong_.empty()) settle();
    fleet_.close(1s);
    if (wrong_.empty()) account();
    return wrong_;
  }
  [[nodiscard]] std::string shortened() const { return fmt::format("topology:\n{}last steps:\n{}", topology_, log_.str().size() > 4000 ? log_.str().substr(log_.str().size() - 4000) : log_.str()); }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }

 private:
  void open_streams() {
    const unsigned count = dice_.between(1, 5);
    for (unsigned i = 0; i < count; ++i) {
      Source source;
      source.options.overload = static_cast<Overload>(dice_.below(3));
      source.options.priority = dice_.below(2);
      source.options.weight = dice_.between(1, 4);
      source.options.queue_frames = dice_.below(6);
      if (dice_.one_in(3)) source.options.deadline = std::chrono::milliseconds(dice_.between(5, 200));
      source.stream = fleet_.open_stream(bed_.model, source.options).value();
      sources_.push_back(std::move(source));
    }
  }

  void step() {
    Source& source = sources_[dice_.below(static_cast<unsigned>(sources_.size()))];
    switch (dice_.below(12)) {
      case 0: advance(std::chrono::microseconds(dice_.between(100, 40000))); break;
      case 1: advance(std::chrono::milliseconds(dice_.between(1, 5))); break;
      case 2:
        if (dice_.one_in(10)) {
          log_ << "cancel\n";
          source.stream.cancel();
        }
        break;
      case 3:
        if (dice_.one_in(20)) {
          log_ << "close a stream\n";
          take(source);
          source.stream.close();
          source.closed = true;
        }
        break;
      default: submit(source, dice_.between(1, 8)); break;
    }
    for (Source& each : sources_) take(each);
  }

  void advance(Duration duration) {
    Latch never;
    host_->wait(never, host_->now() + duration);
    log_ << fmt::format("to {:.3f} s\n", std::chrono::duration<double>(host_->now().time_since_epoch()).count());
  }

  void submit(Source& source, unsigned count) {
    for (unsigned i = 0; i < count && !source.closed && !source.finished; ++i) {
      Expected<Slot> slot = source.stream.try_slot();
      if (!slot) return;
      const Row bytes = FleetBed::row(source.accepted);
      std::memcpy(slot->inputs()[0].data(), bytes.data(), bytes.size());
      const auto number = source.stream.try_submit(*slot);
      if (!number) {
        if (number.error().code() != Code::pending) wrong_ = "submit: " + number.error().to_string();
        return;
      }
      if (*number != source.accepted) wrong_ = fmt::format("frame {} was given the number {}", source.accepted, *number);
      ++source.accepted;
      ++frames_;
    }
  }

  void take(Source& source) {
    std::vector<Result> results;
    while (source.stream.take(results, 64) > 0) {
      for (const Result& result : results) check(source, result);
      results.clear();
    }
  }

  void check(Source& source, const Result& result) {
    if (result.number != source.answered) wrong_ = fmt::format("{}: frame {} was answered when {} was due", source.stream.name(), result.number, source.answered);
    ++source.answered;
    if (result.ok() && !FleetBed::is_answer(result, result.number)) wrong_ = fmt::format("{}: frame {} has another frame's answer", source.stream.name(), result.number);
    if (!result.ok() && result.outcome == Outcome::failed && result.status.ok()) wrong_ = fmt::format("{}: frame {} failed without a cause", source.stream.name(), result.number);
    if (result.ok() && source.options.deadline.count() > 0 && result.times.ended - result.times.captured > source.options.deadline)
      wrong_ = fmt::format("{}: frame {} has outputs after its deadline", source.stream.name(), result.number);
    if (result.attempts > 12) wrong_ = fmt::format("{}: frame {} had {} runs", source.stream.name(), result.number, result.attempts);
  }

  /// Everything is answered in bounded time, and when the faults are over every card is ready again.
  void settle() {
    for (Source& source : sources_) {
      if (!source.closed) source.stream.finish();
      source.finished = true;
    }
    for (int i = 0; i < 400 && !done(); ++i) {
      advance(100ms);
      for (Source& source : sources_) take(source);
    }
    if (!done()) wrong_ = "frames were not answered within 40 s";
    if (topology_.find("flapping") != std::string::npos) return;
    for (int i = 0; i < 130 && wrong_.empty() && !all_ready(); ++i) advance(500ms);
    if (wrong_.empty() && !all_ready()) {
      for (const DeviceHealth& device : fleet_.health())
        if (device.state != DeviceState::ready) wrong_ = fmt::format("{} is {} 65 s after the faults were over: {}", device.name, device_state_name(device.state), device.cause);
    }
  }

  [[nodiscard]] bool done() const {
    for (const Source& source : sources_)
      if (!source.closed && source.answered < source.accepted) return false;
    return true;
  }
  [[nodiscard]] bool all_ready() const {
    for (const DeviceHealth& device : fleet_.health())
      if (device.state != DeviceState::ready) return false;
    return true;
  }

  void account() {
    for (Source& source : sources_) {
      take(source);
      if (!source.closed && source.answered != source.accepted) wrong_ = fmt::format("{}: {} frames were accepted, {} answered", source.stream.name(), source.accepted, source.answered);
    }
  }

  const std::uint64_t seed_;
  Dice dice_;
  const std::string topology_;
  std::shared_ptr<base::LoopHost> host_;
  FleetBed bed_;
  Fleet fleet_;
  std::vector<Source> sources_;
  std::string wrong_;
  std::ostringstream log_;
  std::uint64_t frames_ = 0;
};

int run(std::uint64_t from, std::uint64_t to, double seconds) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  std::uint64_t schedules = 0;
  std::uint64_t frames = 0;
  for (std::uint64_t seed = from; seed < to && passed() < seconds; ++seed) {
    Schedule schedule(seed);
    const std::string wrong = schedule.run();
    ++schedules;
    frames += schedule.frames();
    if (wrong.empty()) continue;
    std::printf("seed %llu: %s\n%s\nAgain: polymetis_chaos --seeds %llu..%llu\n", static_cast<unsigned long long>(seed), wrong.c_str(), schedule.shortened().c_str(),
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed + 1));
    return 1;
  }
  std::printf("%llu schedules, %llu frames, each answered once, in order, with its own result; %.0f schedules a minute\n", static_cast<unsigned long long>(schedules),
              static_cast<unsigned long long>(frames), 60.0 * static_cast<double>(schedules) / passed());
  return 0;
}

}  // namespace
}  // namespace polymetis::testing

int main(int count, char** words) {
  unsigned long long from = 0;
  unsigned long long to = 1000;
  double seconds = 1e9;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const bool more = i + 1 < count;
    if (word == "--seeds" && more && std::sscanf(words[++i], "%llu..%llu", &from, &to) == 2) continue;
    if (word == "--seconds" && more && std::sscanf(words[++i], "%lf", &seconds) == 1) continue;
    std::printf("usage: polymetis_chaos [--seeds A..B] [--seconds S]\nRuns the fault schedules of seeds A to B - 1 (0..1000), for S seconds at most. Exit status: 0 all promises were kept, 1 not.\n");
    return word == "--help" ? 0 : 2;
  }
  return polymetis::testing::run(from, to, seconds);
}
