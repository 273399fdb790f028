#include "virtual/engine.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "base/child_test.hpp"
#include "conformance/test_package.hpp"
#include "virtual/blob_cache.hpp"

namespace polymetis::virtual_card {

namespace {

using polymetis::testing::TemporaryFolder;
using polymetis::testing::TestNetwork;
using polymetis::testing::write_test_package;

/// A cache folder of its own.
class Engine : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("POLYMETIS_CACHE_DIR", cache().c_str(), 1); }
  void TearDown() override { ::unsetenv("POLYMETIS_CACHE_DIR"); }
  [[nodiscard]] std::filesystem::path cache() const { return folder.path() / "cache"; }
  [[nodiscard]] std::vector<std::filesystem::path> blobs() const {
    std::vector<std::filesystem::path> files;
    if (!std::filesystem::exists(cache())) return files;
    for (const auto& file : std::filesystem::directory_iterator(cache())) files.push_back(file.path());
    return files;
  }
  std::shared_ptr<Model> model(const TestNetwork& network = {}) {
    return std::make_shared<Model>(**Model::load(write_test_package(folder.path() / network.name, network)));
  }
  /// What a network makes of a one; 0 if it fails.
  static int answer(Compute& compute, std::size_t bytes = 16) {
    std::vector<std::byte> in(bytes, std::byte{1}), out(bytes);
    const Buffer input{in.data(), in.size(), -1, 0}, output{out.data(), out.size(), -1, 0};
    const Status status = compute.run({&input, 1}, {&output, 1}, 1);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return static_cast<int>(out[bytes - 1]);
  }

  TemporaryFolder folder;
};

TEST_F(Engine, RunsANetwork) {
  const auto compute = load_network(model(), 1);
  ASSERT_TRUE(compute) << compute.error().to_string();
  EXPECT_EQ(answer(**compute), 2);
}

TEST_F(Engine, KeepsWhatItCompiled) {
  ASSERT_TRUE(load_network(model(), 1));
  ASSERT_EQ(blobs().size(), 1U);
  const auto written = std::filesystem::last_write_time(blobs()[0]);
  const auto again = load_network(model(), 1);
  ASSERT_TRUE(again);
  EXPECT_EQ(answer(**again), 2);
  EXPECT_EQ(std::filesystem::last_write_time(blobs()[0]), written);
}

TEST_F(Engine, ADamagedFileIsMadeAnew) {
  ASSERT_TRUE(load_network(model(), 1));
  const auto file = blobs().at(0);
  const auto bytes = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, bytes / 2);
  const auto again = load_network(model(), 1);
  ASSERT_TRUE(again);
  EXPECT_EQ(answer(**again), 2);
  ASSERT_EQ(blobs().size(), 1U) << "no unfinished file may stay";
  EXPECT_GT(std::filesystem::file_size(file), bytes * 9 / 10) << "whole again; the engine's files differ by a byte or two from time to time";
}

TEST_F(Engine, AFileOfAnotherNetworkIsNotUsed) {
  ASSERT_TRUE(load_network(model({.name = "one"}), 1));
  const auto file = blobs().at(0);
  std::filesystem::rename(file, folder.path() / "kept");
  ASSERT_TRUE(load_network(model({.name = "wide", .shape = {1, 1, 1, 32}}), 1));
  std::filesystem::rename(blobs().at(0), file);
  const auto again = load_network(model({.name = "one"}), 1);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(answer(**again), 2);
}

TEST_F(Engine, WorksWithoutACache) {
  for (const char* where : {"", "/proc/no/such/folder"}) {
    ::setenv("POLYMETIS_CACHE_DIR", where, 1);
    const auto compute = load_network(model(), 2);
    const auto other = load_network(model(), 2);
    ASSERT_TRUE(compute && other);
    EXPECT_EQ(answer(**compute) + answer(**other), 4);
  }
  EXPECT_TRUE(blobs().empty());
}

TEST_F(Engine, SeveralInstancesTakeTheirOwnMemory) {
  std::vector<std::unique_ptr<Compute>> instances;
  for (int i = 0; i < 6; ++i) instances.push_back(std::move(*load_network(model(), 2)));
  for (int round = 0; round < 3; ++round) {
    for (auto& instance : instances) EXPECT_EQ(answer(*instance), 2);
  }
}

TEST_F(Engine, NamesBothWhereGraphAndDescriptionDiffer) {
  const auto good = load_network(model(), 1);
  ASSERT_TRUE(good);
  auto renamed = model();
  renamed->outputs[0].name = "other";
  auto reshaped = model();
  reshaped->inputs[0].shape = {1, 1, 2, 8};
  auto more = model();
  more->inputs.push_back(more->inputs[0]);
  for (const auto& [wrong, words] : {std::pair{renamed, "output 0 is other i8 [1,1,1,16] in model.json and output_0 i8 [1,1,1,16] in graph.xml"},
                                     std::pair{reshaped, "input 0 is input_0 i8 [1,1,2,8] in model.json and input_0 i8 [1,1,1,16] in graph.xml"},
                                     std::pair{more, "model.json names 2 inputs, graph.xml has 1"}}) {
    for (const char* hash : {"same", "other"}) {  // known to be compiled, and not
      auto model = std::make_shared<Model>(*wrong);
      if (hash == std::string("other")) model->content_hash = "";
      const auto loaded = load_network(model, 1);
      ASSERT_FALSE(loaded);
      EXPECT_EQ(loaded.error().code(), Code::value_error);
      EXPECT_NE(loaded.error().to_string().find(words), std::string::npos) << loaded.error().to_string();
    }
  }
}

TEST_F(Engine, AGraphThatCannotBeReadIsNamed) {
  auto broken = model();
  std::ofstream(broken->graph) << "<net";
  const auto loaded = load_network(broken, 1);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), Code::value_error);
  EXPECT_NE(loaded.error().to_string().find("graph.xml"), std::string::npos);
  EXPECT_EQ(loaded.error().to_string().find("Exception from"), std::string::npos) << loaded.error().to_string();
}

TEST_F(Engine, TheEnginesReasonIsToldAndNotItsSourceFile) {
  auto cut = model();
  std::ofstream(cut->weights, std::ios::trunc).flush();
  const auto loaded = load_network(cut, 1);
  ASSERT_FALSE(loaded);
  const auto text = loaded.error().to_string();
  EXPECT_NE(text.find("Incorrect weights in bin file"), std::string::npos) << text;
  EXPECT_EQ(text.find(".cpp"), std::string::npos) << text;
}

TEST_F(Engine, PackagesOfTheSameFilesThatNameAnotherGraphAreTwoNetworks) {
  const auto first = model();
  const auto other = write_test_package(folder.path() / "other", {.name = "other", .add = 49});
  auto second = std::make_shared<Model>(*first);
  second->graph = first->graph.parent_path() / "second.xml";
  second->weights = first->graph.parent_path() / "second.bin";
  std::filesystem::copy(other / "graph.xml", second->graph);
  std::filesystem::copy(other / "graph.bin", second->weights);
  for (int i = 0; i < 2; ++i) {  // compiled, and from the cache
    const auto one = load_network(first, 1);
    const auto two = load_network(second, 1);
    ASSERT_TRUE(one && two);
    EXPECT_EQ(answer(**one), 2);
    EXPECT_EQ(answer(**two), 50);
  }
}

TEST_F(Engine, AForkedChildComputesAfterItsParentHas) {
  const auto kept = load_network(model({.name = "kept", .add = 2}), 1);
  ASSERT_TRUE(kept);
  ASSERT_TRUE(load_network(model(), 1));  // and released
  EXPECT_EQ(answer(**kept), 3);
  const int code = base::exit_code_of_child([this] {
    const auto compute = load_network(model({.name = "the child's", .add = 4}), 1);
    return compute ? answer(**compute) : 1;
  });
  EXPECT_EQ(code, 5);
}

TEST_F(Engine, ALimitOfFileSizesOnlyLeavesTheCacheEmpty) {
  const int code = base::exit_code_of_child([this] {
    ::signal(SIGXFSZ, SIG_DFL);  // it would end the process
    const rlimit tiny{100, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &tiny);
    const std::string text(1000, 'x');
    return keep_blob("big.blob", std::as_bytes(std::span(text))) ? 1 : 42;
  });
  EXPECT_EQ(code, 42);
  EXPECT_TRUE(blobs().empty());
}

TEST_F(Engine, TheOldestBlobsGo) {
  const std::string text = "some bytes";
  for (int i = 0; i < 32; ++i) {
    ASSERT_TRUE(keep_blob("b" + std::to_string(i) + ".blob", std::as_bytes(std::span(text))));
    std::filesystem::last_write_time(cache() / ("b" + std::to_string(i) + ".blob"),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(100 - i));
  }
  std::ofstream(cache() / "x.blob.1.0.part") << "unfinished";
  std::filesystem::last_write_time(cache() / "x.blob.1.0.part", std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  ASSERT_TRUE(keep_blob("new.blob", std::as_bytes(std::span(text))));
  EXPECT_EQ(find_blob("b0.blob"), nullptr);
  EXPECT_NE(find_blob("b1.blob"), nullptr);
  EXPECT_NE(find_blob("new.blob"), nullptr);
  EXPECT_EQ(blobs().size(), 32U);
}

TEST_F(Engine, BlobsAreWholeOrNotThere) {
  const std::string text = "some bytes";
  ASSERT_TRUE(keep_blob("a.blob", std::as_bytes(std::span(text))));
  const auto found = find_blob("a.blob");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(found->bytes().data()), found->bytes().size()), text);
  EXPECT_EQ(find_blob("b.blob"), nullptr);
  {
    std::fstream file(cache() / "a.blob", std::ios::in | std::ios::out);
    file.seekp(3);
    file.put('X');
  }
  EXPECT_EQ(find_blob("a.blob"), nullptr);
}

}  // namespace

}  // namespace polymetis::virtual_card
