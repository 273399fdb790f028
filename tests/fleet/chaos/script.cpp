#include "script.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace polymetis::testing {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t memory_bytes = std::size_t{32} << 20;
constexpr std::array overloads = {"block", "drop_oldest", "drop_newest"};
constexpr std::array acts = {"flood", "wait", "submit", "future like", "cancel", "close", "check bounds", "settle", "check capacity"};

double ms_of(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

FleetOptions random_options(Dice& dice) {
  FleetOptions options{.memory_bytes = memory_bytes, .health = {.hang_floor = 20ms}};
  if (dice.one_in(2)) options.no_card_wait = std::chrono::milliseconds(dice.between(1, 2000));
  if (dice.one_in(2)) options.health.probe_interval = std::chrono::milliseconds(dice.between(50, 500));
  return options;
}

std::vector<StreamPlan> random_streams(Dice& dice, unsigned all_models) {
  const unsigned models = dice.between(1, all_models);
  const unsigned count = dice.between(1, 5);
  std::vector<StreamPlan> streams;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned model = i < models ? i : dice.below(models);
    streams.push_back({i, model, random_stream(dice, i, 5ms)});
  }
  return streams;
}

void add_random_step(std::vector<Step>& steps, Dice& dice, unsigned streams) {
  Step step{.stream = dice.below(streams)};
  const unsigned roll = dice.below(13);
  if ((roll == 2 && !dice.one_in(10)) || (roll == 3 && !dice.one_in(20))) return;
  constexpr std::array rolled = {Act::wait, Act::wait, Act::cancel, Act::close, Act::future, Act::bounds};
  step.act = roll < rolled.size() ? rolled.at(roll) : Act::frames;
  if (roll == 0) step.lasts = std::chrono::microseconds(dice.between(100, 40000));
  if (roll == 1) step.lasts = std::chrono::milliseconds(dice.between(1, 5));
  if (step.act == Act::frames) step.frames = dice.between(1, 8);
  steps.push_back(step);
}

std::vector<Step> random_steps(Dice& dice, const Script& script) {
  std::vector<Step> steps;
  if (dice.one_in(16)) steps.push_back({Act::flood});
  const unsigned count = dice.between(50, 400);
  const bool breaks_off = dice.one_in(12);
  for (unsigned i = 0; i < count; ++i) add_random_step(steps, dice, static_cast<unsigned>(script.streams.size()));
  if (breaks_off) return steps;
  steps.push_back({Act::settle});
  if (!script.layout.endless() && script.layout.poison.empty() && dice.one_in(4)) steps.push_back({Act::capacity});
  return steps;
}

std::string text_of(const StreamPlan& stream) {
  const StreamOptions& options = stream.options;
  std::string text = fmt::format("  {}: model {}, {}, priority {}, weight {}, queue_frames {}", options.name, stream.model,
                                 overloads.at(static_cast<std::size_t>(options.overload)), options.priority, options.weight, options.queue_frames);
  if (options.deadline.count() > 0) text += fmt::format(", deadline {} ms", ms_of(options.deadline));
  return text + "\n";
}

std::string text_of(const Step& step) {
  std::string text = fmt::format("  {}", acts.at(static_cast<std::size_t>(step.act)));
  if (step.act == Act::wait) text += fmt::format(" {} ms", ms_of(step.lasts));
  if (step.act == Act::frames) text += fmt::format(" {} to stream {}", step.frames, step.stream);
  if (step.act == Act::future || step.act == Act::cancel || step.act == Act::close) text += fmt::format(" stream {}", step.stream);
  return text + "\n";
}

}  // namespace

std::string Script::text() const {
  std::string text = fmt::format("topology:\n{}fleet:\n  no_card_wait {} ms, probe_interval {} ms\nstreams:\n", layout.text(),
                                 ms_of(options.no_card_wait), ms_of(options.health.probe_interval));
  for (const StreamPlan& stream : streams) text += text_of(stream);
  text += "steps, after each of which all results are taken:\n";
  for (const Step& step : steps) text += text_of(step);
  return text;
}

Script random_script(std::uint64_t seed, unsigned models) {
  Dice dice(seed);
  Script script{.layout = random_layout(dice, seed, Pace{}), .options = random_options(dice), .streams = random_streams(dice, models)};
  script.steps = random_steps(dice, script);
  return script;
}

StreamOptions random_stream(Dice& dice, std::size_t number, std::chrono::milliseconds shortest_deadline) {
  StreamOptions options;
  options.name = fmt::format("stream {}", number);
  options.overload = static_cast<Overload>(dice.below(3));
  options.priority = dice.below(2);
  options.weight = dice.between(1, 4);
  options.queue_frames = dice.below(6);
  if (dice.one_in(3)) options.deadline = std::chrono::milliseconds(dice.between(static_cast<unsigned>(shortest_deadline.count()), 200));
  return options;
}

}  // namespace polymetis::testing
