#include "device/reservation.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <thread>

#include "device/core_file.hpp"
#include "device/testing/run_directory_fixture.hpp"

namespace polymetis::device {
namespace {

using State = CoreHolder::State;

class ReservationTest : public testing::RunDirectoryTest {
 protected:
  [[nodiscard]] std::shared_ptr<Reservations> cores(const DeviceDescription& device = card()) const {
    return reservations_of(directory(), device).value();
  }
  [[nodiscard]] std::filesystem::path file() const { return directory() / "metis-0-1-0.cores"; }
  static std::string me() { return this_process_text(); }
};

TEST_F(ReservationTest, GivesTheFirstCoresThatAreFreeAndNextToOneAnother) {
  const auto card = cores();
  auto first = card->reserve(1);
  auto second = card->reserve(2);
  auto third = card->reserve(1);
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ((*first)->cores(), (CoreRange{0, 1}));
  EXPECT_EQ((*second)->cores(), (CoreRange{1, 2}));
  EXPECT_EQ((*third)->cores(), (CoreRange{3, 1}));
  second->reset();
  EXPECT_EQ(card->reserve(1).value()->cores(), (CoreRange{1, 1}));
  EXPECT_EQ(card->reserve(2).value()->cores(), (CoreRange{1, 2}));
}

TEST_F(ReservationTest, SaysWhoHoldsTheCoresWhenNoneIsFree) {
  const auto lease = cores()->reserve(4);
  const auto refused = cores()->reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::device_in_use);
  EXPECT_EQ(refused.error().message(), "A core of metis-0:1:0 was asked for, none is free (" + me() +
                                           ": cores 0, 1, 2, 3). Ask for fewer, use another device, or release those that this process, " + me() +
                                           ", holds (a run that is going on holds its cores until it ends)");
}

TEST_F(ReservationTest, RefusesCoresThatAreNotNextToOneAnother) {
  const auto card = cores();
  auto one = card->reserve(1);
  auto two = card->reserve(1);
  auto three = card->reserve(1);
  auto four = card->reserve(1);
  two->reset();
  four->reset();
  const auto refused = card->reserve(2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::device_in_use);
  EXPECT_EQ(refused.error().message(), "2 cores next to one another of metis-0:1:0 were asked for, cores 1, 3 are free (" + me() +
                                           ": cores 0, 2). Ask for fewer, use another device, or release those that this process, " + me() +
                                           ", holds (a run that is going on holds its cores until it ends)");
  EXPECT_TRUE(card->reserve(1));
}

TEST_F(ReservationTest, RefusesNoneAndMoreThanThereAre) {
  for (const unsigned count : {0U, 5U, ~0U}) {
    const auto refused = cores()->reserve(count);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::invalid_argument);
    EXPECT_NE(refused.error().message().find("has 4: ask for 1 to 4"), std::string::npos) << refused.error().message();
  }
  EXPECT_FALSE(cores(card(0))->reserve(1));
  EXPECT_TRUE(is_empty());
}

TEST_F(ReservationTest, ObjectsOfOneProcessShareTheCores) {
  const auto one = cores();
  const auto other = cores();
  auto lease = one->reserve(3);
  ASSERT_TRUE(lease);
  EXPECT_FALSE(other->reserve(2));
  EXPECT_EQ(other->reserve(1).value()->cores(), (CoreRange{3, 1}));
  lease->reset();
  EXPECT_TRUE(other->reserve(4));
}

TEST_F(ReservationTest, ALeaseOutlivesTheObjectThatGaveIt) {
  auto lease = cores()->reserve(2);
  EXPECT_EQ(in_use_by(cores()->holders()), me() + ": cores 0, 1");
  lease->reset();
  EXPECT_EQ(in_use_by(cores()->holders()), "");
}

TEST_F(ReservationTest, HoldersAreListedWithoutMakingAFile) {
  const auto holders = cores()->holders();
  ASSERT_EQ(holders.size(), 4U);
  for (const CoreHolder& holder : holders) EXPECT_EQ(holder.state, State::free);
  EXPECT_TRUE(is_empty());
}

TEST_F(ReservationTest, NamesWithColonAndDashAreOneDevice) {
  const auto lease = cores()->reserve(4);
  DeviceDescription dashed = card();
  dashed.name = "metis-0-1-0";
  const auto refused = cores(dashed)->reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::device_in_use);
}

TEST_F(ReservationTest, OneConfiguresAtATime) {
  auto mine = cores()->lock_configuration();
  ASSERT_TRUE(mine);
  EXPECT_EQ((*mine)->cores(), CoreRange{});
  const auto refused = cores()->lock_configuration();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::device_in_use);
  EXPECT_NE(refused.error().message().find("is being configured by " + me()), std::string::npos) << refused.error().message();
  EXPECT_TRUE(cores()->reserve(4)) << "cores are reserved while somebody configures";
  mine->reset();
  EXPECT_TRUE(cores()->lock_configuration());
}

TEST_F(ReservationTest, AnotherDescriptionIsRefusedWhileTheDeviceIsInUse) {
  const DeviceDescription there = card(4, "topology /a.toml");
  const DeviceDescription here = card(2, "topology /b.toml");
  auto lease = cores(there)->reserve(2);
  const auto refused = cores(here)->reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::invalid_configuration);
  const std::string message(refused.error().message());
  EXPECT_NE(message.find("metis-0:1:0 is in use (" + me() + ": cores 0, 1)"), std::string::npos) << message;
  EXPECT_NE(message.find("origin is 'topology /a.toml' there and 'topology /b.toml' here; cores is '4' there and '2' here."), std::string::npos)
      << message;
  EXPECT_EQ(cores(here)->lock_configuration().error().code(), Code::invalid_configuration);
  lease->reset();
  EXPECT_TRUE(cores(here)->reserve(2)) << "nobody uses the old one any more";
  EXPECT_TRUE(cores(there)->reserve(4));
}

TEST_F(ReservationTest, WhoOnlyConfiguresUsesTheDeviceToo) {
  const auto lock = cores(card(4))->lock_configuration();
  const auto refused = cores(card(2))->reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("(" + me() + ": configuration)"), std::string::npos) << refused.error().message();
}

TEST_F(ReservationTest, HoldsUpToTheMostCores) {
  const auto big = cores(card(core_file::most_cores));
  auto all = big->reserve(core_file::most_cores);
  ASSERT_TRUE(all);
  EXPECT_EQ(big->holders().back().pid, ::getpid());
  const auto refused = reservations_of(directory(), card(core_file::most_cores + 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::invalid_configuration);
  EXPECT_EQ(reservations_of(directory(), card(4, std::string(7000, 'x'))).error().code(), Code::invalid_configuration);
}

TEST_F(ReservationTest, ThreadsNeverGetTheSameCore) {
  std::array<std::atomic<int>, 4> held{};
  std::atomic<int> doubles{0};
  std::atomic<int> given{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 6; ++number) {
    threads.emplace_back([&] {
      const auto card = cores();
      for (int round = 0; round < 50; ++round) {
        const auto lease = card->reserve(1);
        if (!lease) continue;
        std::atomic<int>& core = held[(*lease)->cores().first];
        if (core.fetch_add(1) != 0) ++doubles;
        ++given;
        core.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(doubles, 0);
  EXPECT_GT(given, 50);
  EXPECT_EQ(in_use_by(cores()->holders()), "");
}

TEST_F(ReservationTest, TheLayoutOfTheFileIsTheOneOfTheDocument) {
  const auto lease = cores()->reserve(2);
  const auto lock = cores()->lock_configuration();
  std::ifstream stream(file(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  ASSERT_EQ(bytes.size(), 8192U + 32 * 5);
  const auto word = [&](std::size_t at) {
    std::uint64_t value = 0;
    bytes.copy(reinterpret_cast<char*>(&value), 8, at);
    return value;
  };
  EXPECT_EQ(bytes.substr(0, 8), "PlyCores");
  EXPECT_EQ(word(8), 1U | 4ULL << 32U);  // layout, cores
  EXPECT_EQ(
      bytes.substr(2048, word(16)),
      "origin: default\nname: metis-0-1-0\ncores: 4\nmemory_bytes: 17179869184\nboard: board-0\nboard_type: 2\nreality: simulated\nbehaviour: \n");
  const auto pid = static_cast<std::uint64_t>(::getpid());
  EXPECT_EQ(word(8192), pid);
  EXPECT_EQ(word(8192 + 32), pid);
  EXPECT_EQ(word(8192 + 64), pid);
  EXPECT_EQ(word(8192 + 96), 0U);
  EXPECT_EQ(word(8192 + 40), this_process().start_time);
  EXPECT_EQ(word(8192 + 48), this_process().pid_namespace);
}

TEST(InUseBy, NamesEachProcessOnce) {
  const CoreHolder a{State::held, 123, "name"};
  const CoreHolder b{State::held, 456, ""};
  const CoreHolder unknown{State::held, -1, ""};
  EXPECT_EQ(in_use_by(std::array{a, a, b, CoreHolder{}, a, unknown}),
            "pid 123 (name): cores 0, 1, 4; pid 456: core 2; a process that cannot be told: core 5");
  EXPECT_EQ(in_use_by({}), "");
}

}  // namespace
}  // namespace polymetis::device
