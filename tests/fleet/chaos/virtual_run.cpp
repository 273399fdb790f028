#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/loop_host.hpp"
#include "feed.hpp"
#include "flood.hpp"

namespace polymetis::testing {

namespace {

using namespace std::chrono_literals;

constexpr Duration longest_hang = 1500ms;  // the cards' hang floor is a second, so what hung at the end is found by then

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class Schedule {
 public:
  Schedule(const Script& script, const Networks& networks)
      : script_(script), scene_(script.layout), networks_(networks), host_(std::make_shared<base::LoopHost>()), bed_(scene_, host_) {
    scene_.begin = begin_;
  }

  Verdict run() {
    start();
    for (auto step = script_.steps.begin(); step != script_.steps.end() && wrong_.none(); ++step) {
      act(*step);
      feed_->take_all();
    }
    if (feed_) close();
    return {wrong_.text(), script_.text(), accepted(), digest_.value()};
  }

 private:
  void start() {
    auto fleet = Fleet::create(bed_.context, script_.options);
    if (!fleet) return wrong_.note(fleet.error().to_string());
    fleet_ = *fleet;
    fleet_.on_event([this](const Event& event) { digest_.add(event); });
    flood_.emplace(fleet_, scene_, networks_);
    feed_.emplace(fleet_, scene_, networks_.models, digest_, wrong_);
    for (const StreamPlan& stream : script_.streams) feed_->open(stream);
    if (feed_->sources().empty()) wrong_.note("no stream could be opened");
  }

  void act(const Step& step) {
    switch (step.act) {
      case Act::flood:
        flooded_ = true;
        return note(flood_->check_pauses());
      case Act::wait:
        return advance(step.lasts);
      case Act::frames:
        return feed_->submit(step.stream, step.frames);
      case Act::future:
        return feed_->submit_future(step.stream);
      case Act::cancel:
        return feed_->cancel(step.stream);
      case Act::close:
        return feed_->close(step.stream);
      case Act::bounds:
        return note(check_bounds(fleet_.metrics(), feed_->sources(), script_.options.memory_bytes));
      case Act::settle:
        return settle();
      case Act::capacity:
        return note(flood_->check_capacity());
    }
  }

  void advance(Duration duration) {
    Latch never;
    host_->wait(never, host_->now() + duration);
  }

  /// Everything is answered in bounded time, and when the faults are over every card is ready again.
  void settle() {
    feed_->finish();
    for (int i = 0; i < 400 && wrong_.none() && !feed_->answered(); ++i) {
      advance(100ms);
      feed_->take_all();
    }
    if (wrong_.none() && !feed_->answered()) return wrong_.note("frames were not answered within 40 s: " + unanswered());
    wait_until_ready();
    note(check_fleet(fleet_, feed_->sources(), scene_));
    check_totals();
    if (!flooded_) check_found_out();
  }

  void wait_until_ready() {
    const TimePoint over = begin_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(scene_.over_s)) + longest_hang;
    if (host_->now() < over) advance(over - host_->now());
    for (int i = 0; i < 130 && !scene_.endless && !all_ready(fleet_); ++i) advance(500ms);
    for (const DeviceHealth& card : fleet_.health())
      if (!scene_.endless && card.state != DeviceState::ready)
        wrong_.note(fmt::format("{} is {} 65 s after the faults were over: {}", card.name, device_state_name(card.state), card.cause));
  }

  /// The known answer finds a card that computes wrongly.
  void check_found_out() {
    const Duration interval = script_.options.health.probe_interval;
    if (interval.count() == 0) return;
    const std::vector<std::string> wrong = scene_.surely_wrong(2 * seconds_of(interval) + 0.1);
    for (const DeviceHealth& card : fleet_.health())
      if (std::find(wrong.begin(), wrong.end(), card.name) != wrong.end() && card.readmissions == 0)
        wrong_.note(fmt::format("{} computed wrongly, and no probe found out", card.name));
  }

  /// Over all streams that ever were, each frame is counted once; those of closed ones may still hang.
  void check_totals() {
    const std::uint64_t offered = accepted();
    for (int i = 0; i < 400 && ended() < offered; ++i) advance(100ms);
    if (ended() != offered) wrong_.note(fmt::format("the metrics tell of {} frames in all, {} were accepted and answered", ended(), offered));
  }
  [[nodiscard]] std::uint64_t accepted() const { return feed_ ? feed_->accepted() + flood_->accepted() : 0; }
  [[nodiscard]] std::uint64_t ended() const {
    const FleetMetrics told = fleet_.metrics();
    return told.outputs + told.dropped + told.late + told.failed;
  }

  [[nodiscard]] std::string unanswered() const {
    std::string text;
    const FleetMetrics metrics = fleet_.metrics();
    for (const StreamMetrics& s : metrics.streams)
      text += fmt::format("{} ({} waiting, {} running, {} ended); ", s.name, s.waiting, s.running, s.ended);
    for (const DeviceHealth& card : fleet_.health()) text += fmt::format("{} {} {}; ", card.name, device_state_name(card.state), card.cause);
    for (const ModelMetrics& model : metrics.models) text += fmt::format("{}{} {}; ", model.name, model.stopped ? " stopped" : "", model.cause);
    return text;
  }

  void close() {
    fleet_.close(1s);
    feed_->check_all_answered();
  }

  void note(std::string wrong) {
    if (!wrong.empty()) wrong_.note(std::move(wrong));
  }

  const Script& script_;
  Scene scene_;
  const Networks& networks_;
  std::shared_ptr<base::LoopHost> host_;
  SceneBed bed_;
  const TimePoint begin_ = host_->now();
  Digest digest_;
  FirstWrong wrong_;
  Fleet fleet_;
  std::optional<Flood> flood_;
  std::optional<Feed> feed_;
  bool flooded_ = false;
};

}  // namespace

Verdict run_in_virtual_time(const Script& script, const Networks& networks) {
  Verdict verdict = Schedule(script, networks).run();
  if (verdict.wrong.empty()) verdict.wrong = check_nothing_held(networks);
  return verdict;
}

}  // namespace polymetis::testing
