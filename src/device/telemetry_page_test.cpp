#include "device/telemetry_page.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "device/telemetry_mapping.hpp"
#include "device/testing/child_process.hpp"
#include "device/testing/run_directory_fixture.hpp"

namespace polymetis::device {
namespace {

using testing::Child;
namespace layout = telemetry_layout;
using namespace std::chrono_literals;

Stamps stamps(Duration start, Duration busy) {
  const TimePoint zero{};
  return {zero + start, zero + start, zero + start, zero + start + busy, zero + start + busy + 1us};
}

bool is_zero(const CoreCounters& core) {
  return core.frames == 0 && core.failures == 0 && core.busy_ns == 0 && core.last_end_ns == 0 && core.model_hash == 0 && core.memory_bytes == 0;
}

class TelemetryTest : public testing::RunDirectoryTest {
 protected:
  [[nodiscard]] std::shared_ptr<TelemetryPage> page(const DeviceDescription& device = card()) const {
    return telemetry_of(directory(), device).value();
  }
  [[nodiscard]] TelemetrySnapshot peek(const DeviceDescription& device = card()) const { return peek_telemetry(directory(), device).value(); }
  [[nodiscard]] std::filesystem::path file() const { return directory() / "metis-0-1-0.telemetry"; }

  /// Writes a word of the page as another program would.
  void poke(std::uint64_t at, std::uint64_t value) const {
    std::fstream stream(file(), std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.write(reinterpret_cast<const char*>(&value), sizeof value);
  }

  /// A process with a meter on all cores and ten frames; answers "ready", then lives until it hears a line or is killed.
  [[nodiscard]] std::unique_ptr<Child> holder() const {
    auto child = std::make_unique<Child>([this](const Child::Line& line) {
      const auto meter = page()->meter({0, 4}, 77, 400);
      for (int frame = 0; frame < 10; ++frame) meter->ended({}, stamps(1ms, 1ms), 4);
      line.say("ready");
      line.hear();
    });
    child->hear();
    return child;
  }
};

TEST_F(TelemetryTest, CountsWhatACoreDoes) {
  const auto telemetry = page();
  const auto meter = telemetry->meter({1, 1}, 0xabc, 1000);
  meter->ended({}, stamps(10ms, 2ms), 1);
  meter->ended({}, stamps(20ms, 3ms), 3);
  meter->ended({Code::runtime_error, "broken"}, stamps(30ms, 1ms), 2);
  for (const auto& cores : {telemetry->read(), page()->read(), peek().cores}) {
    ASSERT_EQ(cores.size(), 4U);
    EXPECT_EQ(cores[1].frames, 4U);
    EXPECT_EQ(cores[1].failures, 2U);
    EXPECT_EQ(cores[1].busy_ns, 6'000'000U);
    EXPECT_EQ(cores[1].last_end_ns, 31'001'000U);
    EXPECT_EQ(cores[1].model_hash, 0xabcU);
    EXPECT_EQ(cores[1].memory_bytes, 1000U);
    EXPECT_TRUE(is_zero(cores[0]) && is_zero(cores[2]) && is_zero(cores[3]));
  }
}

TEST_F(TelemetryTest, SharesRowsAndMemoryBetweenTheCoresOfAnInstance) {
  const auto telemetry = page();
  const auto meter = telemetry->meter({1, 3}, 5, 1000);
  meter->ended({}, stamps(0ms, 1ms), 1);  // one row on three cores: each took part
  meter->ended({}, stamps(0ms, 1ms), 6);
  const auto cores = telemetry->read();
  std::uint64_t memory = 0;
  for (const CoreCounters& core : cores) memory += core.memory_bytes;
  EXPECT_EQ(memory, 1000U);
  for (unsigned core = 1; core < 4; ++core) {
    EXPECT_EQ(cores[core].frames, 3U);
    EXPECT_EQ(cores[core].busy_ns, 2'000'000U);
  }
  EXPECT_TRUE(is_zero(cores[0]));
}

TEST_F(TelemetryTest, TimesThatNeverWereDoNotCount) {
  const auto telemetry = page();
  const auto meter = telemetry->meter({0, 1}, 0, 0);
  Stamps backwards = stamps(5ms, 1ms);
  backwards.compute_ended = TimePoint{};
  backwards.output_ended = TimePoint{} - 1s;
  meter->ended({Code::connection_error, "lost"}, backwards, 1);
  EXPECT_EQ(telemetry->read()[0].busy_ns, 0U);
  EXPECT_EQ(telemetry->read()[0].last_end_ns, 0U);
}

TEST_F(TelemetryTest, ACoreWithoutAMeterReadsZero) {
  const auto telemetry = page();
  auto meter = telemetry->meter({0, 2}, 1, 2);
  const auto other = telemetry->meter({2, 1}, 1, 2);
  meter->ended({}, stamps(0ms, 1ms), 2);
  meter.reset();
  EXPECT_TRUE(is_zero(telemetry->read()[0]) && is_zero(telemetry->read()[1]));
  EXPECT_EQ(telemetry->read()[2].model_hash, 1U);
}

TEST_F(TelemetryTest, AMeterOutlivesItsPageObject) {
  const auto meter = page()->meter({0, 1}, 9, 0);
  meter->ended({}, stamps(0ms, 1ms), 1);
  EXPECT_EQ(peek().cores[0].frames, 1U);
}

TEST_F(TelemetryTest, NoMeterForCoresThatAreNotThere) {
  for (const CoreRange cores : {CoreRange{0, 0}, CoreRange{0, 5}, CoreRange{4, 1}, CoreRange{~0U, 2}, CoreRange{1, ~0U}}) {
    EXPECT_EQ(page()->meter(cores, 1, 1), nullptr);
  }
}

TEST_F(TelemetryTest, AnotherProcessIsReadWithoutAskingIt) {
  const auto child = holder();
  ::kill(child->pid(), SIGSTOP);
  for (const auto& cores : {page()->read(), peek().cores}) {
    EXPECT_EQ(cores[3].frames, 10U);
    EXPECT_EQ(cores[3].busy_ns, 10'000'000U);
    EXPECT_EQ(cores[3].memory_bytes, 100U);
  }
}

TEST_F(TelemetryTest, WhatAKilledProcessLeftReadsZero) {
  const auto child = holder();
  ASSERT_EQ(peek().cores[0].frames, 10U);
  child->end(SIGKILL);
  EXPECT_TRUE(is_zero(peek().cores[0]));
  EXPECT_TRUE(is_zero(page()->read()[0]));
  const auto next = page()->meter({0, 4}, 1, 0);
  EXPECT_EQ(peek().cores[0].frames, 0U) << "and is not taken for its successor's";
  EXPECT_EQ(peek().cores[0].model_hash, 1U);
}

TEST_F(TelemetryTest, WhatAKilledProcessLeftReadsZeroBesideALivingOne) {
  const auto child = std::make_unique<Child>([this](const Child::Line& line) {
    const auto meter = page()->meter({1, 1}, 77, 400);
    line.say("ready");
    line.hear();
  });
  child->hear();
  const auto living = page()->meter({0, 1}, 5, 0);
  ASSERT_EQ(peek().cores[1].model_hash, 77U);
  child->end(SIGKILL);
  EXPECT_EQ(peek().cores[0].model_hash, 5U);
  EXPECT_TRUE(is_zero(peek().cores[1]));
}

TEST_F(TelemetryTest, AForkedChildWritesNothing) {
  const auto telemetry = page();
  auto meter = telemetry->meter({0, 1}, 3, 0);
  meter->ended({}, stamps(0ms, 1ms), 1);
  Child child([&](const Child::Line& line) {
    telemetry->write_card({});
    line.say(telemetry->meter({1, 1}, 1, 1) == nullptr ? "no meter" : "a meter");
    line.say(std::to_string(telemetry->read()[0].frames));
    meter.reset();
    line.say("done");
  });
  EXPECT_EQ(child.hear(), "no meter");
  EXPECT_EQ(child.hear(), "1");
  EXPECT_EQ(child.hear(), "done");
  EXPECT_EQ(telemetry->read()[0].frames, 1U) << "the meter that ended in the child is the parent's";
  EXPECT_FALSE(telemetry->read_card());
}

TEST_F(TelemetryTest, ReadersMakeNoPage) {
  EXPECT_EQ(peek().cores.size(), 4U);
  EXPECT_FALSE(peek().card);
  EXPECT_TRUE(is_empty());
}

TEST_F(TelemetryTest, APageThatWasCutShortIsNotTouchedByReaders) {
  {
    const auto meter = page()->meter({0, 1}, 1, 1);
  }
  std::filesystem::resize_file(file(), 20);
  {
    const auto holder = SharedFile::open(file(), {200, 1}).value();
    ASSERT_EQ(holder->try_lock({layout::first_core, 1}), LockAnswer::taken);
    EXPECT_TRUE(is_zero(peek().cores[0]));  // mapped, it would be a bus error
    std::filesystem::resize_file(file(), layout::page_bytes(4));
    EXPECT_TRUE(is_zero(peek().cores[0]));
  }
  EXPECT_TRUE(page()->meter({0, 4}, 1, 1)) << "and is given its space again";
}

TEST_F(TelemetryTest, CoresHaveLinesOfTheirOwn) {
  const auto meter = page()->meter({2, 1}, 0x1122334455667788, 0);
  std::ifstream stream(file(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  ASSERT_EQ(bytes.size(), 4096U + 4 * 128);
  EXPECT_EQ(bytes.substr(0, 8), "PlyTelem");
  EXPECT_EQ(bytes.substr(8, 8), std::string("\1\0\0\0\x80\0\0\0", 8));
  EXPECT_EQ(bytes.substr(4096 + 2 * 128 + 32, 8), "\x88\x77\x66\x55\x44\x33\x22\x11");
}

// The card's block.

CardState state(unsigned clock) {
  CardState card;
  card.configuration.clock_mhz = {clock, clock, clock, clock};
  card.configuration.mvm_utilisation = {clock / 10, clock / 10, clock / 10, clock / 10};
  card.temperature_celsius = clock;
  return card;
}

bool is_whole(const CardState& card) {
  const unsigned clock = card.configuration.clock_mhz.at(0);
  return card.configuration == state(clock).configuration && card.temperature_celsius == clock;
}

TEST_F(TelemetryTest, TheCardTellsWhatWasWrittenLast) {
  const auto telemetry = page();
  EXPECT_FALSE(telemetry->read_card());
  telemetry->write_card(state(800));
  CardState warm = state(400);
  warm.power_watts = 7.5;
  warm.temperature_celsius.reset();
  telemetry->write_card(warm);
  for (const auto& card : {telemetry->read_card(), page()->read_card(), peek().card}) {
    ASSERT_TRUE(card);
    EXPECT_EQ(card->configuration, warm.configuration);
    EXPECT_EQ(card->temperature_celsius, std::nullopt);
    EXPECT_EQ(card->power_watts, 7.5);
  }
}

TEST_F(TelemetryTest, TheCardOutlivesItsWriter) {
  page()->write_card(state(300));
  EXPECT_TRUE(is_whole(peek().card.value()));
}

TEST_F(TelemetryTest, AConfigurationMayBeEmptyOrTooLong) {
  const auto telemetry = page();
  telemetry->write_card({});
  ASSERT_TRUE(telemetry->read_card());
  EXPECT_TRUE(telemetry->read_card()->configuration.clock_mhz.empty());
  CardState card;
  card.configuration.mvm_utilisation = {1, 2, 3, 4, 5, 6};
  telemetry->write_card(card);
  EXPECT_EQ(telemetry->read_card()->configuration.mvm_utilisation, (std::vector<unsigned>{1, 2, 3, 4}));
  EXPECT_TRUE(telemetry->read_card()->configuration.clock_mhz.empty());
}

TEST_F(TelemetryTest, WhatIsKnownOfAnotherDescriptionIsNotBelieved) {
  page()->write_card(state(300));
  EXPECT_FALSE(peek(card(2)).card);
  EXPECT_FALSE(page(card(8, "other"))->read_card());
  EXPECT_TRUE(peek().card);
}

TEST_F(TelemetryTest, WhatAWriterLeftHalfWrittenIsNotReadAndMadeAnew) {
  const auto telemetry = page();
  telemetry->write_card(state(800));
  const auto half_write = [&] {
    poke(layout::card_at, 7);                 // odd: somebody writes
    poke(layout::slots_at + 64, 0xdeadbeef);  // one core of four
  };
  half_write();
  EXPECT_FALSE(telemetry->read_card());
  EXPECT_FALSE(peek().card);
  telemetry->write_card(state(500));
  EXPECT_TRUE(is_whole(telemetry->read_card().value()));
  half_write();
  const auto next = page();
  EXPECT_FALSE(next->read_card());
  next->write_card(state(100));
  EXPECT_TRUE(is_whole(peek().card.value()));
}

TEST_F(TelemetryTest, TheCardIsNeverReadHalfWritten) {
  const auto writer = page();
  const auto second_writer = page();
  writer->write_card(state(1));
  std::thread threads[] = {std::thread([&] {
                             for (unsigned clock = 0; clock < 500; ++clock) writer->write_card(state(clock));
                           }),
                           std::thread([&] {
                             for (unsigned clock = 500; clock < 1000; ++clock) second_writer->write_card(state(clock));
                           })};
  int read = 0;
  for (int round = 0; round < 500; ++round) {
    const auto card = peek().card;
    if (!card) continue;  // busy: the reader gave up
    ++read;
    ASSERT_TRUE(is_whole(*card));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(read, 0);
  EXPECT_TRUE(is_whole(writer->read_card().value()));
}

// Versions.

TEST_F(TelemetryTest, APageOfAnotherVersionThatNobodyUsesIsMadeAnew) {
  page()->write_card(state(800));
  poke(8, 2 | 256ULL << 32U);
  EXPECT_FALSE(peek().card);
  const auto telemetry = page();
  EXPECT_FALSE(telemetry->read_card());
  const auto meter = telemetry->meter({0, 4}, 1, 1);
  EXPECT_EQ(peek().cores[0].model_hash, 1U);
}

TEST_F(TelemetryTest, APageOfAnotherVersionInUseIsRefused) {
  const auto child = holder();
  poke(8, 2 | 256ULL << 32U);
  const auto refused = telemetry_of(directory(), card());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::connection_error);
  const std::string message(refused.error().message());
  EXPECT_NE(message.find("is a telemetry page of version 2 that another process uses, and this Polymetis writes version 1"), std::string::npos)
      << message;
  EXPECT_EQ(peek_telemetry(directory(), card()).error().to_string(), message);
  child->end(SIGKILL);
  EXPECT_TRUE(telemetry_of(directory(), card()));
}

TEST_F(TelemetryTest, APageGrowsWithItsDevice) {
  {
    const auto meter = page(card(2))->meter({0, 2}, 1, 1);
  }
  EXPECT_EQ(page(card(64))->read().size(), 64U);
  EXPECT_EQ(std::filesystem::file_size(file()), layout::page_bytes(64));
  EXPECT_EQ(page(card(2))->read().size(), 2U);
}

}  // namespace
}  // namespace polymetis::device
