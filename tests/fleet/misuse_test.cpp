// What a user of the fleet may do wrong: a clear error or a clean end, nothing lost, the process goes on.

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>

#include "base/child_test.hpp"
#include "fleet_bed.hpp"

namespace polymetis::testing {
namespace {

using namespace std::chrono_literals;

const std::string hangs =
    "compute = \"none\"\ntiming = { fps = 500 }\n[[board.fault]]\nkind = \"hang\"\nat_job = 5\n";  // four cores are probed first

bool says(const Status& status, std::string_view part) { return status.message().find(part) != std::string_view::npos; }

template <class T>
void expect_refused(const Expected<T>& refused, Code code, std::string_view part) {
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), code);
  EXPECT_TRUE(says(refused.error(), part)) << refused.error().to_string();
}

void pass(Host& host, Duration time) {
  Latch never;
  host.wait(never, host.now() + time);
}

TEST(FleetMisuse, WrongInputsAreRefusedAndTheStreamGoesOn) {
  FleetBed bed(1);
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model).value();
  const Row bytes(17);
  const std::array<std::span<const std::byte>, 2> inputs{bytes, bytes};
  expect_refused(stream.submit(inputs), Code::invalid_argument, "was given 2 inputs");
  expect_refused(stream.submit(std::span(inputs).first(0)), Code::invalid_argument, "was given 0 inputs");
  expect_refused(stream.submit(std::span(inputs).first(1)), Code::invalid_argument, "has 17 bytes, one frame of");
  expect_refused(stream.submit_future(inputs), Code::invalid_argument, "was given 2 inputs");
  expect_refused(stream.submit(Slot()), Code::invalid_argument, "The slot is not of");
  ASSERT_EQ(FleetBed::submit(stream, 0).value(), 0U);
  EXPECT_TRUE(FleetBed::is_answer(stream.next().value(), 0));
}

TEST(FleetMisuse, EmptyHandlesAnswerWithAnError) {
  Fleet fleet;
  Stream stream;
  expect_refused(fleet.add_model(nullptr), Code::invalid_argument, "");
  expect_refused(fleet.load_model("nowhere"), Code::invalid_argument, "");
  EXPECT_FALSE(fleet.write_trace("nowhere").ok());
  EXPECT_TRUE(fleet.health().empty());
  EXPECT_TRUE(fleet.closed());
  fleet.close();
  expect_refused(stream.slot(), Code::invalid_argument, "");
  expect_refused(stream.submit(Slot()), Code::invalid_argument, "");
  EXPECT_FALSE(stream.next().has_value());
  stream.close();
}

TEST(FleetMisuse, ACallbackThatThrowsIsToldAndTheOthersAreStillCalled) {
  FleetBed bed(1);
  Fleet fleet = Fleet::create(bed.context).value();
  std::vector<Event> events;
  fleet.on_event([&](const Event& event) { events.push_back(event); });
  unsigned called = 0;
  Stream stream = fleet
                      .open_stream(bed.model, {.name = "camera 7"},
                                   [&](Result&&) {
                                     if (++called == 2) throw std::runtime_error("no such box");
                                     if (called == 3) throw 3;
                                   })
                      .value();
  for (std::uint64_t n = 0; n < 5; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
  pass(*bed.host, 1s);
  EXPECT_EQ(called, 5U);
  std::string causes;
  for (const Event& event : events) causes += event.cause + "\n";
  EXPECT_NE(causes.find("The callback of camera 7 threw: no such box"), std::string::npos) << causes;
  EXPECT_NE(causes.find("threw something that is no std::exception"), std::string::npos) << causes;
}

TEST(FleetMisuse, AClosedFleetRefusesAllAndStillTellsHowItWas) {
  FleetBed bed("[[board]]\nname = \"a-card-with-a-long-name\"\n");
  Fleet fleet = Fleet::create(bed.context, {.trace_frames = 10}).value();
  Stream stream = fleet.open_stream(bed.model).value();
  ASSERT_TRUE(FleetBed::submit(stream, 0).has_value());
  Result kept = stream.next().value();
  fleet.close();
  fleet.close();
  for (const DeviceHealth& card : fleet.health()) {
    EXPECT_EQ(card.state, DeviceState::ready) << card.cause;
    EXPECT_TRUE(card.is_virtual);
  }
  EXPECT_EQ(fleet.explain().text, "The fleet is closed.");
  EXPECT_EQ(fleet.metrics().outputs, 1U);
  const auto trace = bed.folder.path() / "trace.json";
  EXPECT_TRUE(fleet.write_trace(trace).ok());
  std::ostringstream text;
  text << std::ifstream(trace).rdbuf();
  EXPECT_NE(text.str().find("a-card-with-a-long-name core 0, increment"), std::string::npos) << text.str();
  expect_refused(fleet.add_model(bed.model), Code::invalid_argument, "The fleet was closed");
  expect_refused(fleet.open_stream(bed.model), Code::invalid_argument, "The fleet was closed");
  expect_refused(FleetBed::submit(stream, 1), Code::invalid_argument, "The fleet was closed");
  expect_refused(stream.slot(), Code::invalid_argument, "The fleet was closed");
  EXPECT_FALSE(stream.next().has_value());
  fleet = Fleet();
  stream = Stream();
  EXPECT_TRUE(FleetBed::is_answer(kept, 0)) << "A result outlives its fleet.";
}

TEST(FleetMisuse, AFrameWhoseCardHangsFailsWhenTheFleetCloses) {
  FleetBed bed(FleetBed::cards_of(1, hangs));
  Fleet fleet = Fleet::create(bed.context, {.health = {.hang_floor = 1min}}).value();
  Stream stream = fleet.open_stream(bed.model).value();
  pass(*bed.host, 100ms);
  ASSERT_TRUE(FleetBed::submit(stream, 0).has_value());
  const TimePoint begin = bed.host->now();
  fleet.close(50ms);
  EXPECT_LE(bed.host->now() - begin, 1s);
  const Result result = stream.next().value();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_TRUE(says(result.status, "The fleet was closed while the frame ran")) << result.status.to_string();
}

TEST(FleetMisuse, ReleasedOutputsGoBackAndTheResultStays) {
  FleetBed bed(1);
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model).value();
  ASSERT_TRUE(FleetBed::submit(stream, 0).has_value());
  Result result = stream.next().value();
  const void* const memory = result.outputs()[0].data();
  result.release_outputs();
  EXPECT_TRUE(result.outputs().empty());
  EXPECT_TRUE(result.ok());
  ASSERT_TRUE(FleetBed::submit(stream, 1).has_value());
  EXPECT_EQ(static_cast<const void*>(stream.next()->outputs()[0].data()), memory);
}

TEST(FleetMisuse, AModelThatComesWhileACardIsOutOfReachGetsItLater) {
  FleetBed bed(FleetBed::cards_of(1, "timing = { fps = 500 }\n") +
               "[[board]]\nname = \"metis-0:9:0\"\ntiming = { fps = 500 }\n[[board.fault]]\nkind = \"link_flap\"\nat = 0.0\nlasts = 1.0\n");
  Fleet fleet = Fleet::create(bed.context).value();
  pass(*bed.host, 1ms);
  const auto report = fleet.add_model(bed.model).value();
  EXPECT_TRUE(report.adjusted);
  EXPECT_NE(report.text.find("those on metis-0:9:0 follow when it answers"), std::string::npos) << report.text;
  EXPECT_EQ(fleet.health()[1].state, DeviceState::quarantined);
  pass(*bed.host, 5s);
  EXPECT_EQ(fleet.health()[1].state, DeviceState::ready) << fleet.health()[1].cause;
  Stream stream = fleet.open_stream(bed.model, {.queue_frames = 64}).value();
  bool used = false;
  for (std::uint64_t n = 0; n < 64; ++n) ASSERT_TRUE(FleetBed::submit(stream, n).has_value());
  stream.finish();
  while (const auto result = stream.next()) used |= result->ok() && result->device == 1;
  EXPECT_TRUE(used);
}

TEST(FleetMisuse, AfterAForkTheParentsFleetIsRefusedAndTheParentGoesOn) {
  FleetBed bed(FleetBed::cards_of(1, "compute = \"none\"\ntiming = \"host\"\n"), base::ThreadHost::shared());
  Fleet fleet = Fleet::create(bed.context).value();
  Stream stream = fleet.open_stream(bed.model).value();
  EXPECT_EQ(base::exit_code_of_child([&] {
              const bool refused = !FleetBed::submit(stream, 0).has_value() && !fleet.open_stream(bed.model).has_value() &&
                                   !stream.slot().has_value() && !fleet.readmit("metis-0:1:0").ok() && fleet.health().empty() &&
                                   fleet.metrics().devices.empty() && fleet.explain().text.find("before fork") != std::string::npos;
              fleet.close();
              stream = Stream();
              fleet = Fleet();
              return refused ? 7 : 1;
            }),
            7);
  ASSERT_TRUE(FleetBed::submit(stream, 1).has_value());
  EXPECT_TRUE(stream.next()->ok());
}

/// The exit code of a process that leaves `main` while a card holds a frame for ever.
int exit_with_a_hung_card(bool drops_the_fleet) {
  return base::exit_code_of_child([&] {
    auto* const bed = new FleetBed(FleetBed::cards_of(1, hangs), base::ThreadHost::shared());
    auto* const fleet = new Fleet(Fleet::create(bed->context, {.health = {.hang_floor = 1min}}).value());
    auto* const stream = new Stream(fleet->open_stream(bed->model).value());
    while (fleet->health()[0].state != DeviceState::ready) pass(*bed->host, 1ms);
    if (!FleetBed::submit(*stream, 0)) return 1;
    if (drops_the_fleet) {
      fleet->close(50ms);
      delete stream;
      delete fleet;
    }
    return 7;
  });
}

TEST(FleetMisuse, AProcessExitsWhileACardHangs) {
  EXPECT_EQ(exit_with_a_hung_card(false), 7);
  EXPECT_EQ(exit_with_a_hung_card(true), 7);
}

}  // namespace
}  // namespace polymetis::testing
