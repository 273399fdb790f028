#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "base/thread_host.hpp"
#include "bed.hpp"

namespace polymetis::testing {

namespace {

using namespace std::chrono_literals;

constexpr Pace pace{.faults_begin_s = 0.3, .faults_last_s = 0.2, .slowest = 400, .fastest = 2000};
constexpr Duration feeding = 600ms;

/// A host waits in its destructor until its last thread has ended; whoever still holds it has threads that may call.
std::string check_host_gone(const std::weak_ptr<Host>& host) {
  const auto limit = std::chrono::steady_clock::now() + 5s;
  while (!host.expired() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  return host.expired() ? "" : fmt::format("{} others hold the host 5 s after everything was closed, and its threads are left", host.use_count());
}

/// Those of the engine stay, and are no more than so many.
std::string check_few_threads() {
  constexpr std::ptrdiff_t of_the_engine = 40;
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  const std::ptrdiff_t threads = std::distance(begin(tasks), end(tasks));
  return threads <= of_the_engine ? "" : fmt::format("{} threads are left", threads);
}

class ThreadSchedule {
 public:
  ThreadSchedule(std::uint64_t seed, const Networks& networks, Duration stall, std::shared_ptr<Host> host)
      : dice_(seed), scene_(random_layout(dice_, seed, pace)), networks_(networks), stall_(stall), host_(std::move(host)), bed_(scene_, host_) {
    scene_.begin = host_->now();
    scene_.lateness = 200ms;
  }

  Verdict run() {
    start();
    const bool breaks_off = dice_.one_in(8);
    const bool closes_one = dice_.one_in(4);
    std::vector<std::thread> threads;
    for (auto& source : sources_) {
      threads.emplace_back([this, s = source.get()] { feed(*s); });
      threads.emplace_back([this, s = source.get()] { consume(*s); });
    }
    if (futures_) threads.emplace_back([this] { feed_futures(); });
    rest(feeding);
    if (closes_one && !sources_.empty()) close(*sources_.front());
    stop_ = true;
    if (breaks_off) fleet_.close(50ms);
    wait_for_answers();
    if (!wrong()) settle(breaks_off);
    fleet_.close(stall_ > 5s ? 1s : 0s);
    for (auto& thread : threads) thread.join();
    for (auto& source : sources_) report(source->let_go());
    return {wrong_, fmt::format("topology:\n{}", scene_.topology), frames_, 0};
  }

 private:
  void start() {
    FleetOptions options{.no_card_wait = std::chrono::milliseconds(dice_.below(500)),
                         .health = {.hang_floor = 20ms, .first_backoff = 5ms, .longest_backoff = 100ms}};
    if (dice_.one_in(2)) options.health.probe_interval = 50ms;
    auto fleet = Fleet::create(bed_.context, options);
    if (!fleet) return report(fleet.error().to_string());
    fleet_ = *fleet;
    for (const DeviceHealth& card : fleet_.health()) cards_.push_back(card.name);
    const unsigned count = dice_.between(1, 4);
    for (unsigned i = 0; i < count; ++i) open_stream(i);
    if (auto stream = fleet_.open_stream(networks_.models[0], {.name = "futures"}); stream)
      futures_ = std::make_unique<Source>(*stream, StreamOptions{}, adds[0], scene_);
  }

  void open_stream(unsigned number) {
    const StreamOptions options = random_stream(dice_, number, 20ms);
    const unsigned model = dice_.below(2);
    auto stream = fleet_.open_stream(networks_.models[model], options);
    if (stream) sources_.push_back(std::make_unique<Source>(*stream, options, adds[model], scene_));
  }

  void feed(Source& source) {
    while (!stop_) {
      const Row bytes = source.input();
      const std::span<const std::byte> input(bytes);
      const auto number = source.stream.submit(std::span(&input, 1));
      if (!number) break;  // closed meanwhile
      if (*number != source.accepted) report(fmt::format("frame {} of {} was given the number {}", source.accepted, source.stream.name(), *number));
      ++source.accepted;
      ++frames_;
      moved();
      if (source.options.overload != Overload::block) rest(500us);
    }
    source.stream.finish();
    ++fed_;
  }

  void consume(Source& source) {
    while (auto result = source.stream.next()) {
      const std::string card = card_of(*result);
      report(source.check(std::move(*result), card));
      moved();
    }
    ++consumed_;
  }

  /// Frames that are answered through futures, four at a time.
  void feed_futures() {
    for (bool open = true; open && !stop_;) {
      std::vector<std::future<Result>> promised;
      for (int i = 0; i < 4 && open; ++i) {
        const Row bytes = futures_->input();
        const std::span<const std::byte> input(bytes);
        auto future = futures_->stream.submit_future(std::span(&input, 1));
        if (!(open = future.has_value())) break;
        ++futures_->accepted;
        promised.push_back(std::move(*future));
      }
      for (auto& future : promised) {
        if (future.wait_for(stall_) != std::future_status::ready) return report("a future was not answered");
        const Result result = future.get();
        report(futures_->check_content(result, card_of(result)));
        moved();
      }
    }
  }

  void close(Source& source) {
    source.closed = true;
    source.stream.close();
  }

  /// All threads end by themselves, or nothing has moved for `stall_`.
  void wait_for_answers() {
    while ((fed_ < sources_.size() || consumed_ < sources_.size()) && host_->now() - last_move_.load() < stall_) rest(1ms);
    if (fed_ == sources_.size() && consumed_ == sources_.size()) return;
    report(fmt::format("nothing has moved for {:.0f} s, {} of {} submitters and {} of {} consumers have ended",
                       std::chrono::duration<double>(stall_).count(), fed_.load(), sources_.size(), consumed_.load(), sources_.size()));
  }

  void settle(bool was_closed) {
    for (const auto& source : sources_)
      if (!source->closed && source->answered != source->accepted)
        report(fmt::format("{}: {} frames were accepted, {} answered", source->stream.name(), source->accepted, source->answered));
    if (was_closed) return;
    const TimePoint limit = host_->now() + stall_;
    while (!scene_.endless && !all_ready(fleet_) && host_->now() < limit) rest(2ms);
    for (const DeviceHealth& card : fleet_.health())
      if (!scene_.endless && card.state != DeviceState::ready)
        report(fmt::format("{} is {} after the faults were over: {}", card.name, device_state_name(card.state), card.cause));
    // Here a healthy card may be blamed: this computer may have kept a thread waiting for longer than a hang.
    Scene any = scene_;
    for (const std::string& card : cards_) any.struck.insert(card);
    report(check_fleet(fleet_, sources_, any));
  }

  [[nodiscard]] std::string card_of(const Result& result) const { return result.device < cards_.size() ? cards_[result.device] : ""; }
  void rest(Duration duration) const {
    Latch never;
    host_->wait(never, host_->now() + duration);
  }
  void moved() { last_move_ = host_->now(); }
  bool wrong() {
    std::lock_guard lock(mutex_);
    return !wrong_.empty();
  }
  void report(std::string what) {
    std::lock_guard lock(mutex_);
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  Dice dice_;
  Scene scene_;
  const Networks& networks_;
  const Duration stall_;
  const std::shared_ptr<Host> host_;
  SceneBed bed_;
  Fleet fleet_;
  std::vector<std::string> cards_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unique_ptr<Source> futures_;  // may be null
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> fed_ = 0;
  std::atomic<std::size_t> consumed_ = 0;
  std::atomic<std::uint64_t> frames_ = 0;
  std::atomic<TimePoint> last_move_ = host_->now();
  std::mutex mutex_;
  std::string wrong_;
};

}  // namespace

Verdict run_on_threads(std::uint64_t seed, const Networks& networks, Duration stall) {
  auto host = std::make_shared<base::ThreadHost>();
  const std::weak_ptr<Host> watched = host;
  Verdict verdict = ThreadSchedule(seed, networks, stall, std::move(host)).run();
  if (verdict.wrong.empty()) verdict.wrong = check_host_gone(watched);
  if (verdict.wrong.empty()) verdict.wrong = check_few_threads();
  if (verdict.wrong.empty()) verdict.wrong = check_nothing_held(networks);
  return verdict;
}

}  // namespace polymetis::testing
