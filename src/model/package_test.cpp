#include "model/package.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "model/example_package.hpp"

namespace polymetis::model {
namespace {

using nlohmann::json;

Expected<Package> parse(const json& document, std::string_view manifest = {}, std::vector<std::string> names = {}) {
  const std::string text = document.dump();
  return parse_package({"/p", text, manifest, std::move(names)});
}

std::string error_of(const Expected<Package>& package) {
  EXPECT_FALSE(package);
  if (package) return "";
  EXPECT_EQ(package.error().code(), Code::value_error);
  return std::string(package.error().message());
}

constexpr std::string_view again = "; compile the network again with `polymetis compile`";

TEST(Package, IsReadWhole) {
  const ExamplePackage example;
  const Package package = parse(example.json).value();
  const Model& model = package.model;
  EXPECT_EQ(model.name, "example");
  EXPECT_EQ(model.task, "detection");
  EXPECT_EQ(model.labels, (std::vector<std::string>{"background", "Person"}));
  EXPECT_EQ(model.content_hash, example.json["content_hash"]);
  EXPECT_EQ(model.batch, 2U);
  EXPECT_EQ(model.graph, "graph.xml");
  EXPECT_EQ(model.weights, "graph.bin");
  EXPECT_EQ(model.layer_table, "layers.json");
  EXPECT_EQ(model.preamble_graph, "");
  EXPECT_EQ(model.postamble_graph, "postamble.onnx");
  EXPECT_EQ(model.weight_bytes, 1000U);
  EXPECT_EQ(model.instance_bytes(), 3000U);
  ASSERT_EQ(model.inputs.size(), 1U);
  ASSERT_EQ(model.outputs.size(), 2U);
  const TensorInfo& input = model.inputs[0];
  EXPECT_EQ(input.name, "image");
  EXPECT_EQ(input.shape, (std::vector<std::size_t>{2, 6, 8, 4}));
  EXPECT_EQ(input.unpadded_shape(), (std::vector<std::size_t>{2, 4, 3, 3}));
  EXPECT_EQ(input.size_bytes(), 384U);
  EXPECT_EQ(input.padding[2], (TensorInfo::Padding{2, 3}));
  EXPECT_EQ(input.scale, 1.0 / 255);
  EXPECT_EQ(input.zero_point, -128);
  ASSERT_EQ(package.files.size(), 4U);
  EXPECT_EQ(package.files[0].name, "graph.bin");
  EXPECT_EQ(package.files[0].size_bytes, 1000U);
}

TEST(Package, MayLackWhatIsOptionalAndHaveMore) {
  ExamplePackage example;
  for (const char* key : {"labels", "preamble_graph", "postamble_graph", "layer_table", "input_tensor_layout", "image", "producer"})
    example.json.erase(key);
  example.json["later_versions_may_add"] = {{"keys", 1}};
  example.json["format_version"] = "1.99";
  EXPECT_TRUE(parse(example.json));
}

struct Broken {
  const char* name;
  const char* key;    // a JSON pointer
  const char* value;  // JSON; empty: the key is removed
  const char* error;  // after the prefix and before the way out
};
void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.name; }

class BrokenPackage : public testing::TestWithParam<Broken> {};

TEST_P(BrokenPackage, IsRefusedWithKeyFoundAndWanted) {
  const Broken& broken = GetParam();
  ExamplePackage example;
  const json::json_pointer key(broken.key);
  if (*broken.value == '\0') {
    example.json[key.parent_pointer()].erase(key.back());
  } else {
    example.json[key] = json::parse(broken.value);
  }
  if (std::string_view(broken.key).starts_with("/files/")) example.hash_list();
  EXPECT_EQ(error_of(parse(example.json)), "model.json of the package '/p': " + std::string(broken.error) + std::string(again));
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenPackage,
    testing::Values(
        Broken{"NoVersion", "/format_version", "", "format_version is missing"},
        Broken{"OtherMajor", "/format_version", R"("2.0")", "format_version is \"2.0\", but 1.x, which this version of Polymetis reads, is wanted"},
        Broken{"NoMinor", "/format_version", R"("1")", "format_version is \"1\", but \"major.minor\" is wanted"},
        Broken{"MinorIsNoNumber", "/format_version", R"("1.0x")", "format_version is \"1.0x\", but \"major.minor\" is wanted"},
        Broken{"VersionIsNoText", "/format_version", "1.0",
               "format_version is 1.0, but a text of 1 to 32 bytes without control characters is wanted"},
        Broken{"NoName", "/name", "", "name is missing"},
        Broken{"EmptyName", "/name", R"("")", "name is \"\", but a text of 1 to 255 bytes without control characters is wanted"},
        Broken{"NulInName", "/name", R"("a\u0000b")", "name is \"a\\u0000b\", but a text of 1 to 255 bytes without control characters is wanted"},
        Broken{"OtherTask", "/task", R"("speech")", "task is \"speech\", but \"detection\", \"pose\", \"classification\" or \"other\" is wanted"},
        Broken{"LabelsAreText", "/labels", R"("dog")", "labels is \"dog\", but a list of 0 to 65536 is wanted"},
        Broken{"LabelIsNumber", "/labels/1", "7", "labels[1] is 7, but a text of 0 to 255 bytes without control characters is wanted"},
        Broken{"OtherLayout", "/input_tensor_layout", R"("NCHW")", "input_tensor_layout is \"NCHW\", but \"NHWC\" is wanted"},
        Broken{"NoFiles", "/files", "", "files is missing"},
        Broken{"OtherContentHash", "/content_hash", R"("xxh3-128:0")",
               "content_hash is \"xxh3-128:0\", but \"xxh3-128:3e230fc76ec1ac269e890375b394ca5f\", the hash of `files`, is wanted"},
        Broken{"EmptyFile", "/files/graph.xml/bytes", "0", "files.'graph.xml'.bytes is 0, but an integer from 1 to 1099511627776 is wanted"},
        Broken{"HugeFile", "/files/graph.xml/bytes", "18446744073709551615",
               "files.'graph.xml'.bytes is 18446744073709551615, but an integer from 1 to 1099511627776 is wanted"},
        Broken{"HashIsShort", "/files/graph.xml/xxh3_128", R"("ab")",
               "files.'graph.xml'.xxh3_128 is \"ab\", but a text of 32 lower-case hex digits is wanted"},
        Broken{"EscapingFile", "/files/..~1passwd", "{}", "files.'../passwd' is an object, but a plain file name as its key is wanted"},
        Broken{"ParentFile", "/files/..", "{}", "files.'..' is an object, but a plain file name as its key is wanted"},
        Broken{"GraphElsewhere", "/graph", R"("../graph.xml")", "graph is \"../graph.xml\", but a name that stands in `files` is wanted"},
        Broken{"NoWeights", "/weights", R"("")", "weights is \"\", but a name that stands in `files` is wanted"},
        Broken{"PostambleNotListed", "/postamble_graph", R"("other.onnx")",
               "postamble_graph is \"other.onnx\", but a name that stands in `files` is wanted"},
        Broken{"NoBatch", "/batch", "0", "batch is 0, but an integer from 1 to 64 is wanted"},
        Broken{"HalfABatch", "/batch", "1.5", "batch is 1.5, but an integer from 1 to 64 is wanted"},
        Broken{"OtherBatch", "/batch", "1", "inputs[0].shape[0] is 2, but the batch, 1, is wanted"},
        Broken{"NoInputs", "/inputs", "[]", "inputs is a list of 0, but a list of 1 to 64 is wanted"},
        Broken{"InputIsNull", "/inputs/0", "null", "inputs[0] is null, but an object is wanted"},
        Broken{"OtherType", "/inputs/0/dtype", R"("float32")", "inputs[0].dtype is \"float32\", but \"int8\" is wanted"},
        Broken{"NoShape", "/outputs/1/shape", "", "outputs[1].shape is missing"},
        Broken{"NoRank", "/outputs/1/shape", "[]", "outputs[1].shape is a list of 0, but a list of 1 to 8 is wanted"},
        Broken{"TooMuchRank", "/outputs/1/shape", "[2, 1, 1, 1, 1, 1, 1, 1, 1]", "outputs[1].shape is a list of 9, but a list of 1 to 8 is wanted"},
        Broken{"ZeroExtent", "/outputs/1/shape", "[2, 0]", "outputs[1].shape[1] is 0, but an integer from 1 to 1073741824 is wanted"},
        Broken{"NegativeExtent", "/outputs/1/shape", "[2, -5]", "outputs[1].shape[1] is -5, but an integer from 1 to 1073741824 is wanted"},
        Broken{"Overflow", "/outputs/1/shape", "[2, 1073741824, 1073741824, 1073741824]",
               "outputs[1].shape is a list of 4, but a tensor of at most 1 GiB is wanted"},
        Broken{"PaddingOfOtherRank", "/outputs/1/padding", "[[0, 0]]", "outputs[1].padding is a list of 1, but a list of 2 is wanted"},
        Broken{"PaddingIsNoPair", "/outputs/1/padding/1", "[1]", "outputs[1].padding[1] is a list of 1, but a list of 2 is wanted"},
        Broken{"AllPadding", "/outputs/1/padding/1", "[2, 3]",
               "outputs[1].padding[1] is a list of 2, but [before, after] with a sum below 5 is wanted"},
        Broken{"PaddedBatch", "/outputs/1/padding/0", "[0, 1]",
               "outputs[1].padding[0] is a list of 2, but [0, 0], as a batch is never padded, is wanted"},
        Broken{"ZeroScale", "/inputs/0/scale", "0", "inputs[0].scale is 0, but a number above 0 that a float can hold is wanted"},
        Broken{"NegativeScale", "/inputs/0/scale", "-0.5", "inputs[0].scale is -0.5, but a number above 0 that a float can hold is wanted"},
        Broken{"HugeScale", "/inputs/0/scale", "1e300", "inputs[0].scale is 1e+300, but a number above 0 that a float can hold is wanted"},
        Broken{"ScaleIsText", "/inputs/0/scale", R"("1")", "inputs[0].scale is \"1\", but a number is wanted"},
        Broken{"OtherZeroPoint", "/inputs/0/zero_point", "128", "inputs[0].zero_point is 128, but an integer from -128 to 127 is wanted"},
        Broken{"TwoOfOneName", "/outputs/1/name", R"("boxes")",
               "outputs[1].name is \"boxes\", but a name that no other tensor of the list has is wanted"},
        Broken{"NegativeMemory", "/weight_bytes", "-1", "weight_bytes is -1, but an integer from 0 to 1099511627776 is wanted"},
        Broken{"NoMemory", "/activation_bytes", "", "activation_bytes is missing"}),
    [](const auto& broken) { return broken.param.name; });

TEST(Package, MustBeJson) {
  const auto error = [](std::string_view text) { return error_of(parse_package({"/p", text, {}, {}})); };
  const std::string source = "model.json of the package '/p' ";
  EXPECT_EQ(error(""), source + "is empty" + std::string(again));
  EXPECT_EQ(error(" \n"), source + "is empty" + std::string(again));
  EXPECT_EQ(error("{\"name\":\n \"a\", }"), source + "is not JSON at line 2, column 7" + std::string(again));
  EXPECT_EQ(error("{\"name\":"), source + "ends too early at line 1, column 9" + std::string(again));
  EXPECT_EQ(error("[1, 2]"), source + "is a list of 2, but an object is wanted" + std::string(again));
  EXPECT_EQ(error("\x80"), source + "is not JSON at line 1, column 1" + std::string(again));
  EXPECT_NE(error("{\"a\": 1e999}").find("cannot be read"), std::string::npos);
}

TEST(Package, AMessageIsShortHoweverLongTheNumberOrTheKey) {
  const auto number = error_of(parse_package({"/p", "{\"a\": " + std::string(100'000, '1') + "e999}", {}, {}}));
  EXPECT_LT(number.size(), 300U);
  EXPECT_NE(number.find("cannot be read"), std::string::npos) << number;
  ExamplePackage example;
  std::string key = "a";
  while (key.size() < 100'000) key += "\xc3\xa4";
  example.json["files"][key] = {{"size", 1}};
  const auto sentence = error_of(parse(example.json));
  EXPECT_LT(sentence.size(), 300U);
  EXPECT_NE(sentence.find("\xc3\xa4...'"), std::string::npos) << sentence << " is cut between characters";
}

TEST(Package, EveryTruncationIsRefused) {
  const std::string text = ExamplePackage().json.dump();
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_package({"/p", std::string_view(text).substr(0, size), {}, {}})) << size;
  }
}

TEST(Package, DeepJsonIsRefused) {
  const std::string deep = "{\"a\": " + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_EQ(error_of(parse_package({"/p", deep, {}, {}})),
            "model.json of the package '/p' nests 100001 deep, but 16 is the limit" + std::string(again));
  ExamplePackage example;
  example.json["name"] = std::string(200, '[') + "\\\"" + std::string(40, '{');
  EXPECT_TRUE(parse(example.json)) << "brackets inside of a text are no depth";
}

TEST(Package, AnotherCompilersIsRefusedInOneSentence) {
  const std::string sentence =
      "the package '/p' was made by the vendor's compiler for the vendor's own runtime; compile the network's ONNX or TFLite file for Polymetis with "
      "`polymetis compile`.";
  const json bare = {{"inputs", {{{"shape", {1, 2}}}}}};
  EXPECT_EQ(error_of(parse({{"memory_pools", json::array()}})), sentence);
  EXPECT_EQ(error_of(parse({{"kernel_function_batched", "x"}})), sentence);
  EXPECT_EQ(error_of(parse(bare, {}, {"model.json", "kernel_function.c"})), sentence);
  EXPECT_EQ(error_of(parse(bare, R"({"quantized_model_file": "q.json"})")), sentence);
  EXPECT_NE(error_of(parse(bare)), sentence);
  EXPECT_NE(error_of(parse(bare, "not json")), sentence);
  ExamplePackage ours;
  EXPECT_TRUE(parse(ours.json, R"({"quantized_model_file": "graph.xml"})"));
}

TEST(TensorInfo, SizesDoNotOverflow) {
  TensorInfo info;
  info.shape = {std::size_t{1} << 40, std::size_t{1} << 40};
  EXPECT_EQ(info.size_bytes(), std::numeric_limits<std::size_t>::max());
}

}  // namespace
}  // namespace polymetis::model
