#include "polymetis/context.hpp"

#include <gtest/gtest.h>

#include "runtime/testing/world.hpp"

namespace polymetis::runtime::testing {
namespace {

class ContextTest : public World {};

TEST_F(ContextTest, ListsDevicesWithWhoUsesThem) {
  const Connection connection = connect(3);
  const auto devices = context.list_devices();
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->size(), 2U);
  EXPECT_EQ((*devices)[0].description.name, "metis-0:1:0");
  EXPECT_EQ((*devices)[0].driver, "fake");
  EXPECT_TRUE((*devices)[0].in_use);
  EXPECT_NE((*devices)[0].in_use_by.find("cores 0, 1, 2"), std::string::npos) << (*devices)[0].in_use_by;
  EXPECT_EQ((*devices)[0].core_holders, (std::vector<std::int64_t>{::getpid(), ::getpid(), ::getpid(), 0}));
  EXPECT_FALSE((*devices)[1].in_use);
}

TEST_F(ContextTest, FindsByIndexAndNameWithColonAndDashEqual) {
  EXPECT_EQ(context.find_device(std::size_t{1})->description.name, "metis-0:3:0");
  EXPECT_EQ(context.find_device(std::string("metis-0-3-0"))->description.name, "metis-0:3:0");
  EXPECT_EQ(context.find_device({})->description.name, "metis-0:1:0");
  for (const DeviceSelector& wrong : {DeviceSelector(std::size_t{2}), DeviceSelector(std::string("metis-0:4:0")), DeviceSelector(std::string())}) {
    const auto found = context.find_device(wrong);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Code::invalid_argument);
    EXPECT_TRUE(says(found.error(), "there are 2: metis-0:1:0, metis-0:3:0")) << found.error().to_string();
  }
}

TEST_F(ContextTest, AnyDeviceIsTheFirstWithTheCoresFree) {
  std::vector<Connection> connections;
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    connections.push_back(connect());
    names.push_back(connections.back().device()->description.name);
  }
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(names[i], i < 4 ? "metis-0:1:0" : "metis-0:3:0");
    EXPECT_EQ(*connections[i].cores(), std::vector<unsigned>{static_cast<unsigned>(i % 4)});
  }
  const auto ninth = context.device_connect();
  ASSERT_FALSE(ninth);
  EXPECT_EQ(ninth.error().code(), Code::device_in_use);
  EXPECT_TRUE(says(ninth.error(), "num_sub_devices > available")) << ninth.error().to_string();
  EXPECT_TRUE(says(ninth.error(), std::to_string(::getpid()))) << ninth.error().to_string();
}

TEST_F(ContextTest, CoresAreConsecutive) {
  const Connection first = connect(1, std::size_t{0});
  Connection second = connect(1, std::size_t{0});
  const Connection third = connect(1, std::size_t{0});
  second.release();
  EXPECT_EQ(context.device_connect(std::size_t{0}, 2).error().code(), Code::device_in_use) << "1 and 3 are free, 1 and 2 are not";
  EXPECT_EQ(connect(2).device()->description.name, "metis-0:3:0");
  EXPECT_EQ(*connect(1, std::size_t{0}).cores(), std::vector<unsigned>{1});
}

TEST_F(ContextTest, WhoHoldsTheCoresOfANamedDeviceIsTold) {
  const Connection connection = connect(4, std::size_t{0});
  const auto refused = context.device_connect(std::size_t{0}, 2);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(says(refused.error(), "num_sub_devices > available: ")) << refused.error().to_string();
  EXPECT_TRUE(says(refused.error(), "or release those that this process, pid ")) << refused.error().to_string();
  EXPECT_FALSE(says(refused.error(), "end a process")) << refused.error().to_string();
}

TEST_F(ContextTest, ContextsShareReservations) {
  const Context other = make_context();
  const Connection connection = connect(4);
  EXPECT_EQ(other.device_connect(std::size_t{0}).error().code(), Code::device_in_use);
  EXPECT_EQ(other.device_connect()->device()->description.name, "metis-0:3:0");
}

TEST_F(ContextTest, RefusesWrongNumbersOfCoresAndUnknownProperties) {
  EXPECT_EQ(context.device_connect({}, 0).error().code(), Code::invalid_argument);
  const auto five = context.device_connect(std::size_t{0}, 5);
  EXPECT_EQ(five.error().code(), Code::invalid_argument);
  EXPECT_TRUE(says(five.error(), "num_sub_devices > available"));
  EXPECT_EQ(context.device_connect({}, 5).error().code(), Code::invalid_argument);
  EXPECT_EQ(context.device_connect({}, SIZE_MAX).error().code(), Code::invalid_argument);
  EXPECT_EQ(context.device_connect({}, 1, {{"nonsense", "1"}}).error().code(), Code::invalid_configuration);
  EXPECT_EQ(context.device_connect({}, 1, {{"device_firmware_check", "2"}}).error().code(), Code::value_error);
  EXPECT_TRUE(context.device_connect({}, 1, {{"device_firmware_check", "0"}, {"device_name", "triton-0:1:0"}}));
}

TEST_F(ContextTest, ADeviceThatCannotBeOpenedIsPassedOver) {
  control->devices[0].not_usable_because = "its firmware is too old";
  EXPECT_EQ(connect().device()->description.name, "metis-0:3:0");
  const auto named = context.device_connect(std::size_t{0});
  EXPECT_EQ(named.error().code(), Code::connection_error);
  EXPECT_TRUE(says(named.error(), "firmware is too old"));
  control->open_status = Status(Code::connection_error, "link is down");
  const Context other = make_context();
  EXPECT_EQ(other.device_connect().error().code(), Code::connection_error);
  EXPECT_EQ(other.device_connect().error().code(), Code::connection_error) << "no core was kept";
  control->open_status = {};
  EXPECT_TRUE(other.device_connect({}, 3));
}

TEST_F(ContextTest, WithoutDevicesItSaysSo) {
  control->devices.clear();
  EXPECT_TRUE(context.list_devices()->empty());
  EXPECT_EQ(context.device_connect().error().code(), Code::connection_error);
  EXPECT_EQ(context.find_device({}).error().code(), Code::invalid_argument);
  EXPECT_TRUE(says(context.find_device(std::size_t{0}).error(), "doctor"));
}

TEST_F(ContextTest, ConfigurationIsAppliedWholeOrNotAtAll) {
  EXPECT_EQ(*context.configure_device(std::size_t{0}, {{"clock_profile", "600"}, {"clock_profile_core_2", "400"}, {"mvm_utilisation_core_1", "50"}}),
            Readiness::ready);
  const auto read = context.read_device_configuration(std::size_t{0});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->get("clock_profile"), nullptr) << "the cores differ";
  EXPECT_EQ(*read->get("clock_profile_core_0"), "600");
  EXPECT_EQ(*read->get("clock_profile_core_2"), "400");
  EXPECT_EQ(*read->get("mvm_utilisation_core_1"), "50");
  EXPECT_EQ(*context.read_device_configuration(std::size_t{1})->get("clock_profile"), "800");
  const auto bad = context.configure_device(std::size_t{0}, {{"clock_profile", "700"}, {"mvm_utilisation_core_0", "101"}});
  EXPECT_EQ(bad.error().code(), Code::value_error);
  EXPECT_TRUE(says(bad.error(), "mvm_utilisation_core_0 is '101'; allowed is a number of percent from 1 to 100")) << bad.error().to_string();
  EXPECT_EQ(context.configure_device(std::size_t{0}, {{"clock_profile", "700"}, {"clock_profile_core_4", "700"}}).error().code(),
            Code::invalid_configuration);
  EXPECT_EQ(context.configure_device(std::size_t{0}, {{"clock_profile", "650"}}).error().code(), Code::value_error);
  EXPECT_EQ(*context.read_device_configuration(std::size_t{0})->get("clock_profile_core_0"), "600");
  EXPECT_TRUE(context.configure_device(std::size_t{0}, {{"device_firmware", "1"}}));
}

TEST_F(ContextTest, DdrSizeIsCheckedAndWithoutEffect) {
  for (const char* size : {"1073741824", "0x40000000", "0X40000000"}) {
    EXPECT_TRUE(context.configure_device(std::size_t{0}, {{"ddr_size", size}, {"clock_profile", "600"}})) << size;
  }
  for (const char* size : {"", "0x", "lots", "-1", "1 GiB", "0x1ffffffffffffffff"}) {
    const auto bad = context.configure_device(std::size_t{0}, {{"ddr_size", size}});
    ASSERT_FALSE(bad) << size;
    EXPECT_EQ(bad.error().code(), Code::value_error);
    EXPECT_TRUE(says(bad.error(), "allowed is a number of bytes, decimal or as 0x40000000")) << bad.error().to_string();
  }
  EXPECT_EQ(context.read_device_configuration(std::size_t{0})->get("ddr_size"), nullptr);
}

TEST_F(ContextTest, ConfigurationMayTakeAWhile) {
  control->readiness = Readiness::pending;
  EXPECT_EQ(*context.configure_device(std::size_t{0}, {{"clock_profile", "400"}}), Readiness::pending);
  EXPECT_EQ(*context.device_ready(std::size_t{0}), Readiness::pending);
  control->readiness = Readiness::ready;
  EXPECT_EQ(*context.device_ready(std::size_t{0}), Readiness::ready);
}

TEST_F(ContextTest, ALostDeviceIsOpenedAnew) {
  ASSERT_TRUE(context.device_ready(std::size_t{0}));
  ASSERT_TRUE(context.device_ready(std::size_t{0}));
  EXPECT_EQ(control->opened, 1U);
  control->listener({DeviceChange::Kind::lost, "metis-0:1:0", "unplugged"});
  ASSERT_TRUE(context.device_ready(std::size_t{0}));
  EXPECT_EQ(control->opened, 2U);
  control->configure_status = Status(Code::connection_error, "gone again");
  EXPECT_FALSE(context.configure_device(std::size_t{0}, {{"clock_profile", "400"}}));
  control->configure_status = {};
  EXPECT_TRUE(context.configure_device(std::size_t{0}, {{"clock_profile", "400"}}));
  EXPECT_EQ(control->opened, 3U);
}

TEST_F(ContextTest, LoggerGetsWhatItAskedFor) {
  std::vector<std::string> messages;
  const auto keep = [&](LogLevel, const char* message) { messages.emplace_back(message); };
  context.set_logger(LogLevel::info, keep);
  context.log(LogLevel::debug, "quiet");
  context.log(LogLevel::info, "loud");
  EXPECT_EQ(messages, std::vector<std::string>{"loud"});
  context.set_logger(LogLevel::info, nullptr);
  context.log(LogLevel::error, "nobody hears");
  EXPECT_EQ(messages.size(), 1U);
}

TEST_F(ContextTest, ALoggerMayConnect) {
  control->devices[0].not_usable_because = "its firmware is too old";
  unsigned connected = 0;
  context.set_logger(LogLevel::warning, [&](LogLevel, const char*) { connected += context.device_connect(std::size_t{1}) ? 1 : 0; });
  EXPECT_TRUE(context.device_connect());
  EXPECT_EQ(connected, 1U);
}

TEST_F(ContextTest, ADriverThatCannotListIsLeftOutWithAWarning) {
  std::vector<std::string> messages;
  context.set_logger(LogLevel::warning, [&](LogLevel, const char* message) { messages.emplace_back(message); });
  control->list_status = Status(Code::connection_error, "the bus does not answer");
  EXPECT_TRUE(context.list_devices()->empty());
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_NE(messages[0].find("the bus does not answer"), std::string::npos);
  EXPECT_NE(context.drivers()->at(0).state.find("the bus does not answer"), std::string::npos);
}

/// Which drivers are used, by policy and by what the driver of real cards answers.
class PolicyTest : public World {
 protected:
  std::vector<bool> used(VirtualCards policy, Status real) {
    FakeDrivers::get().create_status = std::move(real);
    auto asked = options();
    asked.virtual_cards = policy;
    const auto made = Context::create(asked);
    EXPECT_TRUE(made) << made.error().to_string();
    std::vector<bool> result;
    const auto drivers = *made->drivers();
    for (const DriverInfo& driver : drivers) {
      result.push_back(driver.used);
      EXPECT_FALSE(driver.state.empty());
    }
    return result;
  }
};

TEST_F(PolicyTest, VirtualCardsOnlyWhereNeitherLibraryNorCardIsThere) {
  const Status no_library(Code::not_implemented, "no library"), broken(Code::connection_error, "driver not loaded");
  EXPECT_EQ(used(VirtualCards::automatic, {}), (std::vector<bool>{true, false}));
  EXPECT_EQ(used(VirtualCards::automatic, no_library), (std::vector<bool>{false, true}));
  EXPECT_EQ(used(VirtualCards::automatic, broken), (std::vector<bool>{false, false}));
  EXPECT_EQ(used(VirtualCards::always, {}), (std::vector<bool>{true, true}));
  EXPECT_EQ(used(VirtualCards::never, no_library), (std::vector<bool>{false, false}));
}

TEST_F(PolicyTest, ADriverThatCannotListYetTakesNoVirtualCardsAway) {
  control->list_status = Status(Code::not_implemented, "the driver does not know listing its devices yet");
  EXPECT_EQ(used(VirtualCards::automatic, {}), (std::vector<bool>{false, true}));
  EXPECT_EQ(used(VirtualCards::never, {}), (std::vector<bool>{false, false}));
  auto asked = options();
  asked.virtual_cards = VirtualCards::automatic;
  const auto made = Context::create(asked);
  EXPECT_EQ(made->drivers()->at(0).state, "not used: " + control->list_status.to_string());
  EXPECT_EQ(made->list_devices()->size(), 2U);
  control->list_status = Status(Code::connection_error, "the bus does not answer");
  EXPECT_EQ(used(VirtualCards::automatic, {}), (std::vector<bool>{true, false})) << "a card that fails is there";
}

TEST_F(PolicyTest, TheEnvironmentDecidesWhereNothingIsAsked) {
  auto asked = options();
  asked.virtual_cards.reset();
  ::setenv("POLYMETIS_VIRTUAL", "always", 1);
  EXPECT_TRUE(Context::create(asked)->drivers()->at(1).used);
  ::setenv("POLYMETIS_VIRTUAL", "perhaps", 1);
  const auto made = Context::create(asked);
  ::unsetenv("POLYMETIS_VIRTUAL");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Code::value_error);
  EXPECT_TRUE(says(made.error(), "auto, always and never"));
  EXPECT_FALSE(Context::create(asked)->drivers()->at(1).used);
}

TEST_F(PolicyTest, ABadTopologyIsToldAtOnce) {
  auto asked = options();
  asked.virtual_cards = VirtualCards::always;
  asked.topology = folder.path() / "nothing.toml";
  const auto made = Context::create(asked);
  ASSERT_FALSE(made);
  EXPECT_TRUE(says(made.error(), "nothing.toml"));
}

}  // namespace
}  // namespace polymetis::runtime::testing
