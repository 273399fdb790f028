#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <string>
#include <vector>

#include "polymetis/context.hpp"

/// From Python's arrays to the memory of one run.
namespace polymetis::python {

/// What one tensor of an instance must look like.
struct Border {
  explicit Border(const TensorInfo& tensor);

  std::string name;
  std::vector<Py_ssize_t> shape;
  std::size_t bytes;
};

struct Borders {
  std::vector<Border> inputs;
  std::vector<Border> outputs;
};

/// The memory that one run was lent, held until the device lets go of it. To be changed under the interpreter's lock only.
class Held {
 public:
  /// One that takes the interpreter's lock to let go, on whatever thread that is.
  static std::shared_ptr<Held> make();

  /// Takes the memory of `inputs` and `outputs`: sequences of int8 arrays (buffer protocol or DLPack), of raw bytes, or of file descriptors.
  /// Errors: InvalidArgument wrong number, shape, type, layout, or a read-only output; TypeError what has no memory.
  void fill(const Borders& borders, nanobind::handle inputs, nanobind::handle outputs);
  /// Gives the memory back; `inputs` and `outputs` stay, as the call that queued the run may still be reading them.
  void let_go() noexcept;
  void clear() noexcept;

  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
  nanobind::object future;  ///< of an asynchronous run

 private:
  struct Place;

  Held() = default;
  void add_all(const std::vector<Border>& borders, nanobind::handle given, const char* direction, std::vector<Argument>& to);
  Argument add(nanobind::handle given, const Place& place);
  Argument add_buffer(nanobind::handle given, const Place& place);
  Argument add_dlpack(nanobind::handle given, const Place& place);

  std::vector<Py_buffer> buffers_;  // never grows while in use: some exporters point into it
  std::vector<nanobind::ndarray<>> arrays_;
};

}  // namespace polymetis::python
