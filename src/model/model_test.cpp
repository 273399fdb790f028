#include "polymetis/model.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/example_package.hpp"

namespace polymetis {
namespace {

namespace fs = std::filesystem;

class ModelTest : public testing::Test {
 protected:
  ModelTest() {
    std::string pattern = testing::TempDir() + "polymetis-model-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    package_ = folder_ / "package";
  }
  ~ModelTest() override { fs::remove_all(folder_); }

  static std::string error_of(const fs::path& path) {
    const auto model = Model::load(path);
    EXPECT_FALSE(model);
    if (model) return "";
    EXPECT_EQ(model.error().code(), Code::value_error);
    return model.error().to_string();
  }
  fs::path file(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  fs::path folder_;
  fs::path package_;
  model::ExamplePackage example_;
};

constexpr const char* copy_again = "; copy the package again, or make it again with `polymetis compile`";

TEST_F(ModelTest, LoadsADirectoryOrItsModelJson) {
  example_.write(package_);
  for (const fs::path& path : {package_, package_ / "", package_ / "model.json"}) {
    const auto model = Model::load(path).value();
    EXPECT_EQ(model->name, "example");
    EXPECT_TRUE(fs::equivalent(model->directory, package_));
    EXPECT_TRUE(fs::equivalent(model->graph, package_ / "graph.xml"));
    EXPECT_TRUE(fs::equivalent(model->weights, package_ / "graph.bin"));
  }
}

TEST_F(ModelTest, LoadsByARelativePath) {
  example_.write(package_);
  const fs::path before = fs::current_path();
  fs::current_path(package_);
  const auto by_file = Model::load("model.json");
  const auto by_directory = Model::load(".");
  fs::current_path(before);
  EXPECT_TRUE(by_file);
  EXPECT_TRUE(by_directory);
}

TEST_F(ModelTest, TellsWhatIsNoPackage) {
  const std::string path = folder_.string();
  EXPECT_EQ(error_of(folder_ / "none"), "there is no package at '" + path + "/none'; check the path, or make the package with `polymetis compile`");
  EXPECT_EQ(error_of(""), "an empty path was given, but a package directory or its model.json is wanted");
  EXPECT_EQ(error_of(folder_),
            "the directory '" + path + "' has no model.json, so it is no package; check the path, or make the package with `polymetis compile`");
  EXPECT_NE(error_of(file("net.axm", "")).find("is an archive of the vendor's SDK"), std::string::npos);
  EXPECT_NE(error_of(file("net", "PK\3\4....")).find("is an archive of the vendor's SDK"), std::string::npos);
  EXPECT_NE(error_of(file("net.onnx", "x")).find("is a network that is not compiled; run `polymetis compile " + path + "/net.onnx -o"),
            std::string::npos);
  EXPECT_NE(error_of(file("net.txt", "x")).find("is a file, but a package directory or its model.json is wanted"), std::string::npos);
  EXPECT_NE(error_of(std::string("a\0b", 3)).find("NUL byte"), std::string::npos);
}

TEST_F(ModelTest, TellsAnEmptyOrHugeModelJson) {
  const fs::path json = file("model.json", "");
  EXPECT_EQ(error_of(json), "model.json of the package '" + folder_.string() + "' is empty; compile the network again with `polymetis compile`");
  fs::resize_file(json, std::uintmax_t{1} << 40);
  EXPECT_EQ(error_of(json), "model.json of the package '" + folder_.string() +
                                "' has 1099511627776 bytes, but at most 4194304 are taken; make the package "
                                "again with `polymetis compile`");
}

TEST_F(ModelTest, ComparesFilesWithTheirDescription) {
  const std::string prefix = " of the package '" + package_.string() + "' ";
  example_.write(package_);
  fs::resize_file(package_ / "graph.bin", 999);
  EXPECT_EQ(error_of(package_), "graph.bin" + prefix + "is damaged: it has 999 bytes, but model.json says 1000" + copy_again);
  std::ofstream(package_ / "graph.bin") << std::string(1000, 'v');
  EXPECT_NE(error_of(package_).find("graph.bin" + prefix + "is damaged: its XXH3-128 is "), std::string::npos);
  fs::remove(package_ / "graph.bin");
  EXPECT_EQ(error_of(package_), "graph.bin" + prefix + "is missing" + copy_again);
}

TEST_F(ModelTest, FollowsNoLinksAndOpensOnlyFiles) {
  const std::string prefix = "graph.bin of the package '" + package_.string() + "' ";
  example_.write(package_);
  fs::remove(package_ / "graph.bin");
  fs::create_symlink(file("outside", std::string(1000, 'w')), package_ / "graph.bin");
  EXPECT_EQ(error_of(package_), prefix + "is a link, but only plain files are read" + copy_again);
  fs::remove(package_ / "graph.bin");
  fs::create_directory(package_ / "graph.bin");
  EXPECT_EQ(error_of(package_), prefix + "is not a regular file" + copy_again);
  fs::remove(package_ / "graph.bin");
  ASSERT_EQ(::mkfifo((package_ / "graph.bin").c_str(), 0600), 0);
  EXPECT_EQ(error_of(package_), prefix + "is not a regular file" + copy_again);
  fs::remove(package_ / "model.json");
  fs::create_symlink("/etc/passwd", package_ / "model.json");
  EXPECT_NE(error_of(package_).find("model.json of the package '" + package_.string() + "' is a link"), std::string::npos);
}

TEST_F(ModelTest, TellsAVendorsPackage) {
  file("model.json", R"({"inputs": []})");
  file("manifest.json", R"({"quantized_model_file": "quantized_model.json", "model_lib_file": "model.json"})");
  EXPECT_EQ(error_of(folder_), "the package '" + folder_.string() +
                                   "' was made by the vendor's compiler for the vendor's own runtime; compile the network's "
                                   "ONNX or TFLite file for Polymetis with `polymetis compile`.");
  fs::remove(folder_ / "manifest.json");
  file("kernel_function.c", "");
  EXPECT_NE(error_of(folder_).find("was made by the vendor's compiler"), std::string::npos);
}

TEST_F(ModelTest, HashesAreThoseOfTheCommand) {
  // printf abc | xxh128sum
  EXPECT_EQ(model::ExamplePackage::hash_of("abc"), "06b05ab6733a618578af5f94892f3950");
  model::Xxh3 pieces;
  pieces.add("a", 1);
  pieces.add("bc", 2);
  EXPECT_EQ(pieces.hex(), "06b05ab6733a618578af5f94892f3950");
}

}  // namespace
}  // namespace polymetis
