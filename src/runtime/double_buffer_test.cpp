#include "runtime/testing/world.hpp"

namespace polymetis::runtime::testing {
namespace {

using namespace std::chrono_literals;

class DoubleBufferTest : public World {
 protected:
  void expect_delay_of_two(const ModelInstance& instance) {
    Frame frame;
    for (int i = 0; i < 6; ++i) {
      EXPECT_TRUE(frame.run(instance, i).ok());
      frame.in[0] = std::byte{77};  // it may be used again at once
      EXPECT_EQ(frame.result(), i < 2 ? -5 : i - 2);
    }
  }
};

TEST_F(DoubleBufferTest, ResultsComeTwoRunsLater) {
  const Connection connection = connect();
  ModelInstance instance = load(connection, {{"double_buffer", "1"}});
  expect_delay_of_two(instance);
  instance.release();
  expect_delay_of_two(load(connection, {{"double_buffer", "1"}}));
}

TEST_F(DoubleBufferTest, OnADeviceThatHoldsOneJobAndOnOneThatHoldsTwo) {
  control->plan({}, {Outcome::When::later, 5ms});
  expect_delay_of_two(load(connect(), {{"double_buffer", "1"}}));
  control->traits.depth = 2;
  const TimePoint start = host->now();
  expect_delay_of_two(load(connect(), {{"double_buffer", "1"}}));
  EXPECT_LE(host->now() - start, 20ms) << "the caller does not wait for its own frame";
}

TEST_F(DoubleBufferTest, AFailureBelongsToItsFrame) {
  control->plan({{}, {Outcome::When::inside, 0ns, Status(Code::connection_error, "link lost")}});
  const ModelInstance instance = load(connect(), {{"double_buffer", "1"}});
  Frame frame;
  std::vector<Code> codes;
  for (int i = 0; i < 6; ++i) codes.push_back(frame.run(instance, i).code());
  EXPECT_EQ(codes, (std::vector<Code>{Code::ok, Code::ok, Code::ok, Code::connection_error, Code::ok, Code::ok}));
  EXPECT_EQ(frame.result(), 3);
}

TEST_F(DoubleBufferTest, AReleaseWaitsForTheFramesInside) {
  control->traits.depth = 2;
  control->plan({}, {Outcome::When::later, 5ms});
  ModelInstance instance = load(connect(), {{"double_buffer", "1"}});
  Frame frame;
  EXPECT_TRUE(frame.run(instance, 1).ok());
  EXPECT_TRUE(frame.run(instance, 2).ok());
  instance.release();
  EXPECT_EQ(control->unloaded, 1U);
}

}  // namespace
}  // namespace polymetis::runtime::testing
