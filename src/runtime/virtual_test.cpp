#include <fstream>
#include <thread>

#include "base/thread_host.hpp"
#include "conformance/test_package.hpp"
#include "runtime/testing/world.hpp"

// The runtime over virtual cards: networks that really run, and rates that are exact in virtual time.
namespace polymetis::runtime::testing {
namespace {

using namespace std::chrono_literals;

class VirtualTest : public World {
 protected:
  VirtualTest() { FakeDrivers::get().create_status = Status(Code::not_implemented, "no library"); }

  Context make(const std::string& topology, std::shared_ptr<Host> on) {
    auto asked = options();
    asked.virtual_cards = VirtualCards::automatic;
    asked.host = std::move(on);
    if (!topology.empty()) {
      asked.topology = folder.path() / "topology.toml";
      std::ofstream(asked.topology) << topology;
    }
    auto made = Context::create(asked);
    EXPECT_TRUE(made) << (made ? "" : made.error().to_string());
    return made ? *made : Context();
  }
  std::shared_ptr<const Model> increment(const polymetis::testing::TestNetwork& network = {}) {
    const auto directory = polymetis::testing::write_test_package(folder.path() / network.name, network);
    auto model = Model::load(directory);
    EXPECT_TRUE(model) << (model ? "" : model.error().to_string());
    return model ? *model : nullptr;
  }
};

TEST_F(VirtualTest, TwoCardsWithoutATopology) {
  const Context cards = make("", base::ThreadHost::shared());
  const auto devices = cards.list_devices();
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->size(), 2U);
  EXPECT_EQ((*devices)[0].description.name, "metis-0:1:0");
  EXPECT_EQ((*devices)[1].description.name, "metis-0:3:0");
  EXPECT_EQ((*devices)[0].description.reality, Reality::simulated);
  EXPECT_EQ((*devices)[0].driver, "virtual");
}

TEST_F(VirtualTest, RunsARealNetwork) {
  const Context cards = make("", base::ThreadHost::shared());
  const auto model = increment();
  ASSERT_TRUE(model);
  const Connection connection = *cards.device_connect({}, 2);
  const ModelInstance one = load(connection, {}, model), buffered = load(connection, {{"double_buffer", "1"}}, model);
  Frame frame, late;
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(frame.run(one, i).ok());
    EXPECT_EQ(frame.result(), i + 1);
    EXPECT_TRUE(late.run(buffered, i).ok());
    EXPECT_EQ(late.result(), i < 2 ? 0 : i - 1);
  }
}

TEST_F(VirtualTest, IsWarnedOfOnce) {
  std::vector<std::string> messages;
  for (int i = 0; i < 2; ++i) {
    const Context cards = make("", base::ThreadHost::shared());
    cards.set_logger(LogLevel::warning, [&](LogLevel, const char* message) { messages.emplace_back(message); });
    ASSERT_TRUE(cards.device_connect());
    ASSERT_TRUE(cards.device_connect());
  }
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_NE(messages[0].find("virtual card"), std::string::npos);
  EXPECT_NE(messages[0].find("POLYMETIS_VIRTUAL=never"), std::string::npos);
}

TEST_F(VirtualTest, AFixedRateIsExactInVirtualTime) {
  const Context cards = make("[[board]]\nname = \"a\"\ncompute = \"none\"\ntiming = { fps = 100 }\n", host);
  const ModelInstance instance = load(*cards.device_connect(), {}, increment());
  const TimePoint start = host->now();
  Frame frame;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(frame.run(instance, i).ok());
  EXPECT_EQ(host->now() - start, 50ms);
}

TEST_F(VirtualTest, DoubleBufferingHidesTheCallersOwnTime) {
  const std::string rate = "[[board]]\nname = \"a\"\ncompute = \"none\"\ntiming = { fps = 100 }\n";
  const Context cards = make(rate, host);
  const auto time_of = [&](const ModelInstance& instance) {
    Frame frame;
    const TimePoint start = host->now();
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(frame.run(instance, i).ok());
      host->run_until(host->now() + 4ms);  // the caller is busy
    }
    return host->now() - start;
  };
  const Connection connection = *cards.device_connect({}, 2);
  const auto model = increment();
  EXPECT_EQ(time_of(load(connection, {}, model)), 20 * 14ms);
  EXPECT_LE(time_of(load(connection, {{"double_buffer", "1"}}, model)), 20 * 10ms);
}

TEST_F(VirtualTest, ConfigurationIsSharedByContexts) {
  const Context one = make("", base::ThreadHost::shared()), other = make("", base::ThreadHost::shared());
  ASSERT_TRUE(one.configure_device(std::size_t{0}, {{"clock_profile", "400"}}));
  EXPECT_EQ(*other.read_device_configuration(std::size_t{0})->get("clock_profile"), "400");
}

TEST_F(VirtualTest, ReadingAConfigurationMakesNoFile) {
  const Context cards = make("[[board]]\nname = 'a'\nclocks = [100, 400]\n", host);
  const auto files = [&] {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) count += file.path().extension() != ".toml" ? 1 : 0;
    return count;
  };
  const auto usual = cards.read_device_configuration(std::size_t{0});
  ASSERT_TRUE(usual);
  EXPECT_EQ(*usual->get("clock_profile"), "400");
  EXPECT_EQ(files(), 0U);
  ASSERT_TRUE(cards.configure_device(std::size_t{0}, {{"clock_profile_core_1", "100"}}));
  EXPECT_EQ(files(), 2U);
  const Context other = make("[[board]]\nname = 'a'\nclocks = [100, 400]\n", host);
  EXPECT_EQ(*other.read_device_configuration(std::size_t{0})->get("clock_profile_core_1"), "100");
  EXPECT_EQ(*other.read_device_configuration(std::size_t{0})->get("clock_profile_core_0"), "400");
}

TEST_F(VirtualTest, ATopologyIsWhatItSaysAndNotWhereItLies) {
  const std::string board = "[[board]]\nname = 'a'\n";
  const Context first = make(board, host);
  const auto held = first.device_connect();
  ASSERT_TRUE(held);
  const auto edited = make(board + "timing = { fps = 7 }\n", host).device_connect();
  ASSERT_FALSE(edited);
  EXPECT_TRUE(says(edited.error(), "timing host")) << edited.error().to_string();
  EXPECT_TRUE(says(edited.error(), "timing 7 fps"));
  EXPECT_TRUE(says(edited.error(), "topology.toml"));
  auto asked = options();
  asked.virtual_cards = VirtualCards::automatic;
  asked.topology = folder.path() / "copy.toml";
  std::ofstream(asked.topology) << "# a copy\n" << board;
  EXPECT_TRUE(Context::create(asked)->device_connect());
}

TEST_F(VirtualTest, AModelThatIsTooLargeForTheCard) {
  const Context cards = make("[[board]]\nname = \"a\"\nmemory = \"1 MiB\"\ncompute = \"none\"\n", host);
  const auto made = cards.device_connect()->load_model_instance(model_of(16, 1, 2 << 20));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Code::runtime_error);
  EXPECT_TRUE(says(made.error(),
                   "the model 'toy' wants 2097152 bytes of the memory of a, which has 1048576 bytes in all: use a device with more memory (of "
                   "virtual cards the topology's `memory`), or a smaller model"))
      << made.error().to_string();
}

TEST_F(VirtualTest, AModelForWhichOthersLeaveNoRoom) {
  const Context cards = make("[[board]]\nname = \"a\"\nmemory = \"1 MiB\"\ncompute = \"none\"\n", host);
  const auto connection = cards.device_connect({}, 2);
  ASSERT_TRUE(connection);
  const auto first = connection->load_model_instance(model_of(16, 1, 600'000));
  ASSERT_TRUE(first);
  const auto second = connection->load_model_instance(model_of(16, 1, 600'000));
  ASSERT_FALSE(second);
  EXPECT_TRUE(says(second.error(), "are taken (by pid")) << second.error().to_string();
  EXPECT_TRUE(says(second.error(), "release a model instance there, or use another device"));
}

TEST_F(VirtualTest, ManyInstancesRunAtOnce) {
  const Context cards = make("", base::ThreadHost::shared());
  const auto model = increment({.name = "many"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto connection = cards.device_connect({}, 2);
      ASSERT_TRUE(connection) << connection.error().to_string();
      const ModelInstance instance = load(*connection, {}, model);
      Frame frame;
      for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(frame.run(instance, t * 10).ok());
        ASSERT_EQ(frame.result(), t * 10 + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace polymetis::runtime::testing
