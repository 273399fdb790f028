#include "polymetis/model.hpp"

#include "base/try.hpp"
#include "model/package.hpp"
#include "model/package_directory.hpp"

namespace polymetis {

namespace {

constexpr std::size_t max_json_bytes = 4 << 20;

Expected<model::Package> read_texts(const model::PackageDirectory& directory) {
  if (!directory.contains("model.json")) {
    return failure(Code::value_error, "the directory '" + directory.path().string() +
                                          "' has no model.json, so it is no package; check the path, or make the package with `polymetis compile`");
  }
  const std::string model_json = TRY(directory.read("model.json", max_json_bytes));
  const Expected<std::string> manifest = directory.read("manifest.json", max_json_bytes);  // only to recognise another compiler's work
  return model::parse_package(
      {directory.path().string(), model_json, manifest ? std::string_view(*manifest) : std::string_view(), directory.file_names()});
}

}  // namespace

Expected<std::shared_ptr<const Model>> Model::load(const std::filesystem::path& path) {
  const model::PackageDirectory directory = TRY(model::PackageDirectory::open(path));
  model::Package package = TRY(read_texts(directory));
  for (const model::PackageFile& file : package.files) TRY(directory.verify(file));
  auto model = std::make_shared<Model>(std::move(package.model));
  model->directory = directory.path();
  model->graph = directory.path() / model->graph;
  model->weights = directory.path() / model->weights;
  return std::shared_ptr<const Model>(std::move(model));
}

}  // namespace polymetis
