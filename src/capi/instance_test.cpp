#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

using CapiInstance = CapiRun;

TEST_F(CapiInstance, RunWritesTheOutputs) {
  for (int seed = 0; seed < 20; ++seed) {
    Frame in = frame_of(seed);
    Frame out{};
    ASSERT_EQ(run(in, out), AXR_SUCCESS) << sentence(instance.get());
    EXPECT_EQ(out, incremented(frame_of(seed)));
  }
}

TEST_F(CapiInstance, ArgumentsAreChecked) {
  Frame in = frame_of(1);
  Frame out{};
  const auto refused = [&](axrArgument input, axrArgument output, size_t inputs, size_t outputs) {
    EXPECT_EQ(axr_run_model_instance(instance.get(), &input, inputs, &output, outputs), AXR_ERROR_INVALID_ARGUMENT);
    const std::string why = sentence(instance.get());
    EXPECT_FALSE(why.empty());
    return why;
  };
  const axrArgument good_in = argument(in);
  const axrArgument good_out = argument(out);
  refused(good_in, good_out, 0, 1);
  refused(good_in, good_out, 1, 0);
  refused({in.data(), 0, 0, frame_bytes - 1}, good_out, 1, 1);
  refused({in.data(), 0, 0, frame_bytes + 1}, good_out, 1, 1);
  refused(good_in, {out.data(), 0, 0, 1}, 1, 1);
  refused({in.data(), 0, 1, 0}, good_out, 1, 1);
  refused({nullptr, 0, 0, 0}, good_out, 1, 1);
  refused({nullptr, -1, 0, 0}, good_out, 1, 1);
  refused(good_in, {nullptr, 0, 0, 0}, 1, 1);
  refused(good_in, {in.data(), 0, 0, 0}, 1, 1);
  EXPECT_EQ(axr_run_model_instance(instance.get(), nullptr, 1, &good_out, 1), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_run_model_instance(instance.get(), &good_in, 1, nullptr, 1), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_run_model_instance(instance.get(), &good_in, static_cast<size_t>(-1), &good_out, 1), AXR_ERROR_INVALID_ARGUMENT);
  const std::vector<axrArgument> twenty(20, good_in);
  EXPECT_EQ(axr_run_model_instance(instance.get(), twenty.data(), twenty.size(), &good_out, 1), AXR_ERROR_INVALID_ARGUMENT);

  const axrArgument sized_in = {in.data(), -1, 0, frame_bytes};
  const axrArgument sized_out = {out.data(), 0, 0, frame_bytes};
  EXPECT_EQ(axr_run_model_instance(instance.get(), &sized_in, 1, &sized_out, 1), AXR_SUCCESS) << sentence(instance.get());
  EXPECT_EQ(out, incremented(in));
}

TEST_F(CapiInstance, RunTakesDescriptorsThatCanBeMapped) {
  instance.reset();
  instance = load(connection.get(), model.get(), "input_dmabuf=1;output_dmabuf=1");
  ASSERT_TRUE(instance) << sentence(context.get());
  const int in_fd = memfd_create("in", MFD_CLOEXEC);
  const int out_fd = memfd_create("out", MFD_CLOEXEC);
  const Frame in = frame_of(3);
  Frame out{};
  ASSERT_EQ(pwrite(in_fd, in.data(), in.size(), 0), static_cast<ssize_t>(in.size()));
  ASSERT_EQ(pwrite(out_fd, out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
  const axrArgument input = {nullptr, in_fd, 0, 0};
  const axrArgument output = {nullptr, out_fd, 0, 0};
  EXPECT_EQ(axr_run_model_instance(instance.get(), &input, 1, &output, 1), AXR_SUCCESS) << sentence(instance.get());
  ASSERT_EQ(pread(out_fd, out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
  EXPECT_EQ(out, incremented(in));
  close(in_fd);
  close(out_fd);
}

TEST_F(CapiInstance, DoubleBufferAnswersTwoRunsLater) {
  instance.reset();
  instance = load(connection.get(), model.get(), "double_buffer=1");
  ASSERT_TRUE(instance) << sentence(context.get());
  for (int seed = 0; seed < 6; ++seed) {
    Frame in = frame_of(seed);
    Frame out{};
    ASSERT_EQ(run(in, out), AXR_SUCCESS) << sentence(instance.get());
    Frame zero_points;
    zero_points.fill(-1);
    EXPECT_EQ(out, seed < 2 ? zero_points : incremented(frame_of(seed - 2))) << seed;
  }
}

TEST_F(CapiInstance, KeysAndValuesAreChecked) {
  instance.reset();
  EXPECT_FALSE(load(connection.get(), model.get(), "no_such_key=1"));
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_CONFIGURATION);
  EXPECT_NE(sentence(connection.get()).find("no_such_key"), std::string::npos) << sentence(context.get());
  EXPECT_FALSE(load(connection.get(), model.get(), "double_buffer=maybe"));
  EXPECT_EQ(error(model.get()), AXR_ERROR_VALUE_ERROR);
  EXPECT_FALSE(load(connection.get(), model.get(), "num_sub_devices=2"));
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT) << sentence(context.get());
  EXPECT_TRUE(
      load(connection.get(), model.get(),
           "num_sub_devices=1;aipu_cores=1;input_dmabuf=0;output_dmabuf=0;double_buffer=0\ndevice_profiling=0\nhost_profiling=0;elf_in_ddr=1"))
      << sentence(context.get());
}

TEST_F(CapiInstance, SeveralInstancesShareAConnection) {
  const auto wide = connect(2);
  const auto a = load(wide.get(), model.get());
  const auto b = load(wide.get(), model.get());
  ASSERT_TRUE(a && b) << sentence(context.get());
  EXPECT_FALSE(load(wide.get(), model.get())) << "its cores are taken";
  EXPECT_EQ(error(wide.get()), AXR_ERROR_INVALID_ARGUMENT);
}

TEST_F(CapiInstance, ABatchTakesItsCoresAndFrames) {
  const auto two = axr::to_ptr(axr_load_model(context.get(), package_of_two().c_str()));
  ASSERT_TRUE(two) << sentence(context.get());
  const auto wide = connect(2);
  const auto batched = load(wide.get(), two.get());
  ASSERT_TRUE(batched) << sentence(context.get());
  std::array<Frame, 2> in = {frame_of(1), frame_of(2)};
  std::array<Frame, 2> out{};
  const axrArgument input = {in.data(), 0, 0, 2 * frame_bytes};
  const axrArgument output = {out.data(), 0, 0, 2 * frame_bytes};
  ASSERT_EQ(axr_run_model_instance(batched.get(), &input, 1, &output, 1), AXR_SUCCESS) << sentence(batched.get());
  EXPECT_EQ(out[0], incremented(in[0]));
  EXPECT_EQ(out[1], incremented(in[1]));
}

TEST_F(CapiInstance, MoreCoresThanTheBatchTakeMoreRows) {
  const auto wide = connect(2);
  const auto instance_of_two = load(wide.get(), model.get(), "num_sub_devices=2");
  ASSERT_TRUE(instance_of_two) << sentence(context.get());
  std::array<Frame, 2> in = {frame_of(1), frame_of(2)};
  std::array<Frame, 2> out{};
  const axrArgument input = {in.data(), 0, 0, 2 * frame_bytes};
  const axrArgument output = {out.data(), 0, 0, 2 * frame_bytes};
  ASSERT_EQ(axr_run_model_instance(instance_of_two.get(), &input, 1, &output, 1), AXR_SUCCESS) << sentence(context.get());
  EXPECT_EQ(out[1], incremented(in[1]));
}

TEST_F(CapiInstance, TheModelMayEndFirst) {
  model.reset();
  Frame in = frame_of(5);
  Frame out{};
  EXPECT_EQ(run(in, out), AXR_SUCCESS) << sentence(instance.get());
  EXPECT_EQ(out, incremented(in));
}

TEST_F(CapiInstance, AModelOfAnotherContextMayBeLoaded) {
  const auto other = axr::to_ptr(axr_create_context());
  const auto foreign = axr::to_ptr(axr_load_model(other.get(), package().c_str()));
  const auto wide = connect(1);
  const auto loaded = load(wide.get(), foreign.get());
  ASSERT_TRUE(loaded) << sentence(context.get());
  EXPECT_EQ(axr_get_context(AXR_OBJECT(loaded.get())), context.get());
}

/// Counts callbacks and waits for them.
class Ends {
 public:
  static void callback(void* self, axrResult result) { static_cast<Ends*>(self)->add(result); }
  void add(axrResult result) {
    std::lock_guard lock(mutex_);
    results_.push_back(result);
    changed_.notify_all();
  }
  std::vector<axrResult> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return results_.size() >= count; });
    return results_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<axrResult> results_;
};

TEST_F(CapiInstance, AsyncRunsCallBackOnceEach) {
  std::array<Frame, 4> in;
  std::array<Frame, 4> out{};
  Ends ends;
  for (int i = 0; i < 4; ++i) {
    in[i] = frame_of(i);
    const axrArgument input = argument(in[i]);
    const axrArgument output = argument(out[i]);
    ASSERT_EQ(axr_run_async_model_instance(instance.get(), &input, 1, &output, 1, Ends::callback, &ends), AXR_SUCCESS) << sentence(instance.get());
  }
  EXPECT_EQ(ends.wait_for(4), std::vector<axrResult>(4, AXR_SUCCESS));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(out[i], incremented(frame_of(i)));
}

TEST_F(CapiInstance, AsyncIsCheckedLikeRun) {
  Frame in = frame_of(0);
  Frame out{};
  const axrArgument input = {in.data(), 0, 0, 1};
  const axrArgument output = argument(out);
  Ends ends;
  EXPECT_EQ(axr_run_async_model_instance(instance.get(), &input, 1, &output, 1, Ends::callback, &ends), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_run_async_model_instance(instance.get(), &input, 1, &output, 1, nullptr, nullptr), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_run_async_model_instance(instance.get(), nullptr, 1, &output, 1, Ends::callback, &ends), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_NE(sentence(instance.get()).find("axr_run_async_model_instance"), std::string::npos) << sentence(instance.get());
}

/// Submits the next frame from inside the callback, as programs that keep a card busy do: the slot must be free by then.
struct Chain {
  axrModelInstance* instance = nullptr;
  Frame in = frame_of(1);
  Frame out{};
  int left = 50;
  std::vector<axrResult> refused;
  Ends finished;

  axrResult submit() {
    const axrArgument input = argument(in);
    const axrArgument output = argument(out);
    return axr_run_async_model_instance(instance, &input, 1, &output, 1, next, this);
  }
  static void next(void* self, axrResult result) {
    auto& chain = *static_cast<Chain*>(self);
    const axrResult submitted = result == AXR_SUCCESS && --chain.left > 0 ? chain.submit() : AXR_SUCCESS;
    if (submitted != AXR_SUCCESS) chain.refused.push_back(submitted);
    if (result != AXR_SUCCESS || submitted != AXR_SUCCESS || chain.left == 0) chain.finished.add(result);
  }
};

TEST_F(CapiInstance, TheSlotIsFreeInTheCallback) {
  instance.reset();
  instance = load(connection.get(), model.get(), "async_mode=1;max_inflight=1;max_pending=0");
  ASSERT_TRUE(instance) << sentence(context.get());
  Chain chain;
  chain.instance = instance.get();
  ASSERT_EQ(chain.submit(), AXR_SUCCESS) << sentence(instance.get());
  EXPECT_EQ(chain.finished.wait_for(1), std::vector<axrResult>(1, AXR_SUCCESS));
  EXPECT_TRUE(chain.refused.empty());
  EXPECT_EQ(chain.left, 0);
}

/// Ends an object from inside the callback.
struct Destroyer {
  const void* object;
  Ends ended;
  static void callback(void* self, axrResult result) {
    auto& me = *static_cast<Destroyer*>(self);
    axr_destroy(AXR_OBJECT(me.object));
    me.ended.add(result);
  }
};

TEST_F(CapiInstance, ACallbackMayEndWhatItRanOn) {
  const auto run_and_end = [](axrModelInstance* on, const void* object) {
    Frame in = frame_of(1);
    Frame out{};
    const axrArgument input = argument(in);
    const axrArgument output = argument(out);
    Destroyer destroyer;
    destroyer.object = object;
    ASSERT_EQ(axr_run_async_model_instance(on, &input, 1, &output, 1, Destroyer::callback, &destroyer), AXR_SUCCESS) << sentence(on);
    EXPECT_EQ(destroyer.ended.wait_for(1), std::vector<axrResult>(1, AXR_SUCCESS));
    EXPECT_EQ(axr_run_model_instance(on, &input, 1, &output, 1), AXR_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(out, incremented(in));
  };
  run_and_end(instance.get(), instance.get());
  const auto second = connect();
  run_and_end(load(second.get(), model.get()).get(), second.get());
  const auto third = connect();
  const auto last = load(third.get(), model.get());
  ASSERT_TRUE(last) << sentence(context.get());
  run_and_end(last.get(), context.get());
}

TEST_F(CapiInstance, AFullQueueIsPending) {
  const auto slow_cards = temporary_folder() / "slow.toml";
  std::ofstream(slow_cards) << "[[board]]\nname = \"metis-0:7:0\"\ncompute = \"none\"\ntiming = { fps = 4 }\n";
  const Environment environment("POLYMETIS_TOPOLOGY", slow_cards);
  context = axr::to_ptr(axr_create_context());
  model = load();
  connection = connect();
  instance = load(connection.get(), model.get(), "async_mode=1;max_inflight=1;max_pending=2");
  ASSERT_TRUE(instance) << sentence(context.get());
  std::array<Frame, 4> in{};
  std::array<Frame, 4> out{};
  Ends ends;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const axrArgument input = argument(in[i]);
    const axrArgument output = argument(out[i]);
    const axrResult result = axr_run_async_model_instance(instance.get(), &input, 1, &output, 1, Ends::callback, &ends);
    EXPECT_EQ(result, i < 3 ? AXR_SUCCESS : AXR_ERROR_PENDING_ERROR) << i << ": " << sentence(instance.get());
  }
  EXPECT_EQ(error(instance.get()), AXR_ERROR_PENDING_ERROR);
  axr_destroy(AXR_OBJECT(instance.get()));
  EXPECT_EQ(ends.wait_for(3).size(), 3U) << "each accepted frame is answered, also when its instance goes";
}

}  // namespace
