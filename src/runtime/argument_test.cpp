#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "runtime/testing/world.hpp"

namespace polymetis::runtime::testing {
namespace {

// What is wrong with arguments: each is an invalid_argument that says what was found, and the next good run works.
class ArgumentTest : public World {
 protected:
  void expect_refused(std::span<const Argument> inputs, std::span<const Argument> outputs, std::string_view text) {
    const Status status = instance.run(inputs, outputs);
    EXPECT_EQ(status.code(), Code::invalid_argument);
    EXPECT_TRUE(says(status, text)) << status.to_string();
    EXPECT_TRUE(frame.run(instance, 4).ok());
    EXPECT_EQ(frame.result(), 4);
  }
  Frame frame;
  ModelInstance instance = load(connect());
};

TEST_F(ArgumentTest, Counts) {
  expect_refused({}, frame.outputs(), "wants 1 input: 0 were given");
  const std::array<Argument, 2> two{{{.data = frame.out.data()}, {.data = frame.in.data()}}};
  expect_refused(frame.inputs(), two, "wants 1 output: 2 were given");
}

TEST_F(ArgumentTest, SizesOffsetsAndNothing) {
  const std::array<Argument, 1> small{{{.data = frame.in.data(), .size_bytes = 15}}}, offset{{{.data = frame.in.data(), .offset_bytes = 4}}}, none{};
  expect_refused(small, frame.outputs(), "input 0 ('in') wants 16 bytes (shape 1x1x1x16): 15 were given");
  expect_refused(offset, frame.outputs(), "offset of 4 bytes");
  expect_refused(frame.inputs(), none, "output 0 ('out') has no memory");
  const std::array<Argument, 1> exact{{{.data = frame.in.data(), .size_bytes = 16}}};
  EXPECT_TRUE(instance.run(exact, frame.outputs()).ok());
}

TEST_F(ArgumentTest, Overlap) {
  std::vector<std::byte> memory(40);
  const auto at = [&](std::size_t i) { return std::array<Argument, 1>{{{.data = memory.data() + i}}}; };
  expect_refused(at(0), at(15), "output 0 ('out') shares memory with input 0 ('in')");
  expect_refused(at(8), at(8), "shares memory");
  EXPECT_TRUE(instance.run(at(0), at(16)).ok());
  EXPECT_TRUE(instance.run(at(16), at(0)).ok());
}

TEST_F(ArgumentTest, OutputsThatOverlapEachOther) {
  auto model = model_of();
  model->outputs.push_back(model->outputs[0]);
  const ModelInstance two = load(connect(), {}, model);
  const std::array<Argument, 2> outputs{{{.data = frame.out.data()}, {.data = frame.out.data()}}};
  const Status status = two.run(frame.inputs(), outputs);
  EXPECT_TRUE(says(status, "output 1 ('out') shares memory with output 0")) << status.to_string();
  EXPECT_EQ(status.code(), Code::invalid_argument);
}

/// A memfd of `bytes`.
base::UniqueFd memory_file(std::size_t bytes) {
  base::UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  return file;
}

TEST_F(ArgumentTest, FileDescriptors) {
  const auto in = memory_file(16), out = memory_file(4096), small = memory_file(15);
  const std::array<Argument, 1> inputs{{{.fd = in.get()}}}, outputs{{{.fd = out.get()}}}, little{{{.fd = small.get()}}}, closed{{{.fd = 9999}}};
  expect_refused(inputs, frame.outputs(), "loaded without input_dmabuf=1");
  const ModelInstance mapped = load(connect(), {{"input_dmabuf", "1"}, {"output_dmabuf", "1"}});
  const char value = 9;
  ASSERT_EQ(::pwrite(in.get(), &value, 1, 0), 1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(mapped.run(inputs, outputs).ok());
  char result = 0;
  ASSERT_EQ(::pread(out.get(), &result, 1, 15), 1);
  EXPECT_EQ(result, 9);
  EXPECT_TRUE(mapped.run(frame.inputs(), outputs).ok()) << "memory is always taken";
  EXPECT_TRUE(says(mapped.run(little, outputs), "holds 15 bytes, and the tensor has 16"));
  EXPECT_TRUE(says(mapped.run(closed, outputs), "is not open"));
  EXPECT_TRUE(says(mapped.run(inputs, inputs), "shares memory"));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const base::UniqueFd reading(ends[0]), writing(ends[1]);
  const std::array<Argument, 1> pipe{{{.fd = reading.get()}}};
  EXPECT_EQ(mapped.run(pipe, outputs).code(), Code::invalid_argument);
  EXPECT_TRUE(mapped.run(inputs, outputs).ok());
}

TEST_F(ArgumentTest, ReadOnlyFileAsOutput) {
  const auto path = folder.path() / "read-only";
  base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_EQ(::ftruncate(file.get(), 16), 0);
  file.reset(::open(path.c_str(), O_RDONLY));
  const std::array<Argument, 1> read_only{{{.fd = file.get()}}};
  const ModelInstance mapped = load(connect(), {{"input_dmabuf", "1"}, {"output_dmabuf", "1"}});
  EXPECT_TRUE(says(mapped.run(frame.inputs(), read_only), "cannot be mapped for writing"));
  EXPECT_TRUE(mapped.run(read_only, frame.outputs()).ok());
}

}  // namespace
}  // namespace polymetis::runtime::testing
