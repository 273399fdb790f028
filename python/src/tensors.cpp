#include "tensors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "errors.hpp"
#include "gate.hpp"

namespace nb = nanobind;

namespace polymetis::python {

/// Which tensor it is about.
struct Held::Place {
  const Border& border;
  const char* direction;  // "Input" or "Output"
  std::size_t number;

  [[nodiscard]] bool is_output() const { return *direction == 'O'; }
};

namespace {

std::string tuple_of(const Py_ssize_t* shape, int dimensions) {
  return fmt::format("({}{})", fmt::join(shape, shape + dimensions, ", "), dimensions == 1 ? "," : "");
}

/// A struct-module format as people say it.
std::string type_of(const char* format, Py_ssize_t item_bytes) {
  std::string_view code = format == nullptr ? "B" : format;
  if (!code.empty() && std::string_view("@=<>!").find(code.front()) != std::string_view::npos) {
    code.remove_prefix(1);
  }
  const auto sized = [item_bytes](const char* kind) { return fmt::format("{}{}", kind, item_bytes * 8); };
  if (code.size() != 1) {
    return fmt::format("type '{}'", code);
  }
  switch (code.front()) {
    case '?':
      return "bool";
    case 'c':
      return "bytes";
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      return sized("int");
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N':
      return sized("uint");
    case 'e':
    case 'f':
    case 'd':
    case 'g':
      return sized("float");
    default:
      return fmt::format("type '{}'", code);
  }
}

template <class Place>
[[noreturn]] void refuse(const Place& place, const std::string& found, const char* remedy, nb::handle cause = {}) {
  raise("InvalidArgument",
        fmt::format("{} {} '{}' needs C-contiguous int8 of shape {}; got {}. {}", place.direction, place.number, place.border.name,
                    tuple_of(place.border.shape.data(), static_cast<int>(place.border.shape.size())), found, remedy),
        cause);
}

constexpr const char* quantise_it = "Quantise it (q = round(x / scale + zero_point)), or view uint8 as int8 with .view(np.int8).";
constexpr const char* pad_it = "Give an array of TensorInfo.shape, padding and batch included.";
constexpr const char* copy_it = "Use np.ascontiguousarray, and for outputs an array that is C-contiguous itself.";
constexpr const char* lend_it = "Give a dense array on the CPU.";
constexpr const char* make_writable = "Results are written in place: give an array that can be written.";

/// An int, of NumPy too; arrays have an index as well, and a length.
bool is_number(nb::handle given) {
  const PyMappingMethods* const methods = Py_TYPE(given.ptr())->tp_as_mapping;
  return PyIndex_Check(given.ptr()) && !PyBool_Check(given.ptr()) && (methods == nullptr || methods->mp_length == nullptr);
}

bool same_shape(const Border& border, const Py_buffer& view) {
  return view.ndim == static_cast<int>(border.shape.size()) && std::equal(border.shape.begin(), border.shape.end(), view.shape);
}

bool is_int8(const Py_buffer& view) {
  const char* format = view.format == nullptr ? "B" : view.format;
  format += *format == '<' || *format == '=' || *format == '@' ? 1 : 0;
  return format[0] == 'b' && format[1] == '\0';
}

/// A row of single bytes of bytes, bytearray, mmap, array, ctypes or the like is plain memory, whatever sign they say; an array of NumPy means
/// its shape and type.
bool is_raw(nb::handle given, const Py_buffer& view) {
  const std::string type = type_of(view.format, view.itemsize);
  return view.ndim <= 1 && (type == "uint8" || type == "int8" || type == "bytes") && !nb::hasattr(given, "__array_interface__");
}

/// Says why `given` has no buffer as a run needs it; what it has is asked for again, without conditions.
template <class Place>
[[noreturn]] void refuse_buffer(nb::handle given, const Place& place) {
  PyErr_Clear();
  Py_buffer view;
  if (PyObject_GetBuffer(given.ptr(), &view, PyBUF_FULL_RO) != 0) {
    throw nb::python_error();
  }
  const std::string found = fmt::format("{} of shape {}", type_of(view.format, view.itemsize), tuple_of(view.shape, view.ndim));
  const bool contiguous = PyBuffer_IsContiguous(&view, 'C') != 0;
  const bool read_only = view.readonly != 0;
  PyBuffer_Release(&view);
  if (!contiguous) {
    refuse(place, found + ", not C-contiguous", copy_it);
  }
  refuse(place, found + (read_only ? ", read-only" : ""), make_writable);
}

template <class Place>
void check_buffer(nb::handle given, const Py_buffer& view, const Place& place) {
  if (is_int8(view) && same_shape(place.border, view)) {
    return;
  }
  if (is_raw(given, view)) {
    if (static_cast<std::size_t>(view.len) != place.border.bytes) {
      refuse(place, fmt::format("{} raw bytes, not {}", view.len, place.border.bytes), pad_it);
    }
    return;
  }
  const std::string found = fmt::format("{} of shape {}", type_of(view.format, view.itemsize), tuple_of(view.shape, view.ndim));
  refuse(place, found, is_int8(view) ? pad_it : quantise_it);
}

/// What `__dlpack__` gives, of the version with a read-only flag where it knows that.
nb::object call_dlpack(nb::handle given) {
  try {
    return given.attr("__dlpack__")(nb::arg("max_version") = nb::make_tuple(1, 0));
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return given.attr("__dlpack__")();
}

template <class Place>
nb::object capsule_of(nb::handle given, const Place& place) {
  nb::object lent;
  try {
    lent = call_dlpack(given);
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_Exception)) throw;  // Ctrl-C, or the end of the program
    const std::string what = nb::repr(error.value()).c_str();
    refuse(place, fmt::format("an array whose __dlpack__ raised {}", what), lend_it, error.value());
  }
  if (!PyCapsule_CheckExact(lent.ptr())) {
    refuse(place, fmt::format("an array whose __dlpack__ gives {}, no capsule", Py_TYPE(lent.ptr())->tp_name), lend_it);
  }
  return lent;
}

template <class Place>
void check_dlpack(const nb::ndarray<>& array, const Place& place) {
  std::vector<Py_ssize_t> shape(array.shape_ptr(), array.shape_ptr() + array.ndim());
  const bool int8 = array.dtype() == nb::dtype<std::int8_t>();
  const std::string found =
      fmt::format("a DLPack array of {} and shape {}", int8 ? "int8" : "another type", tuple_of(shape.data(), static_cast<int>(shape.size())));
  if (array.device_type() != nb::device::cpu::value) {
    refuse(place, found + " on another device", "Move it to the CPU first.");
  }
  if (!int8 || shape != place.border.shape) {
    refuse(place, found, int8 ? pad_it : quantise_it);
  }
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0; expected *= shape[i]) {
    if (shape[i] != 1 && array.stride(i) != expected) {
      refuse(place, found + ", not C-contiguous", copy_it);
    }
  }
}

}  // namespace

Border::Border(const TensorInfo& tensor) : name(tensor.name), shape(tensor.shape.begin(), tensor.shape.end()), bytes(tensor.size_bytes()) {}

std::shared_ptr<Held> Held::make() {
  return {new Held, [](Held* held) {
            if (const Locked locked; locked) {
              held->clear();
              delete held;
            }  // else the interpreter is gone, and so is what it held
          }};
}

void Held::fill(const Borders& borders, nb::handle inputs_given, nb::handle outputs_given) {
  buffers_.reserve(borders.inputs.size() + borders.outputs.size());
  add_all(borders.inputs, inputs_given, "Input", inputs);
  add_all(borders.outputs, outputs_given, "Output", outputs);
}

void Held::let_go() noexcept {
  for (Py_buffer& buffer : buffers_) {
    PyBuffer_Release(&buffer);
  }
  buffers_.clear();
  arrays_.clear();
}

void Held::clear() noexcept {
  inputs.clear();
  outputs.clear();
  let_go();
  future.reset();
}

void Held::add_all(const std::vector<Border>& borders, nb::handle given, const char* direction, std::vector<Argument>& to) {
  const bool sequence = PyList_Check(given.ptr()) || PyTuple_Check(given.ptr());
  if (!sequence && (PyObject_CheckBuffer(given.ptr()) || PyUnicode_Check(given.ptr()) || !PySequence_Check(given.ptr()))) {
    raise("InvalidType",
          fmt::format("{}s are a list with one array for each tensor; got {}. Give a list.", direction, Py_TYPE(given.ptr())->tp_name));
  }
  const nb::object items = nb::steal(PySequence_Fast(given.ptr(), "a list is needed"));
  if (!items.is_valid()) {
    throw nb::python_error();
  }
  const auto number = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(items.ptr()));
  if (number != borders.size()) {
    raise("InvalidArgument", fmt::format("The model has {} {}{}, but {} were given. See inputs() and outputs().", borders.size(),
                                         *direction == 'I' ? "input" : "output", borders.size() == 1 ? "" : "s", number));
  }
  to.reserve(number);
  for (std::size_t i = 0; i < number; ++i) {
    if (static_cast<std::size_t>(PySequence_Fast_GET_SIZE(items.ptr())) != number) {  // an item's own code may change the list
      raise("InvalidArgument", fmt::format("The list of {}s changed while it was read; leave it alone during the call.", direction));
    }
    const nb::object item = nb::borrow(PySequence_Fast_GET_ITEM(items.ptr(), i));
    to.push_back(add(item, Place{borders[i], direction, i}));
  }
}

Argument Held::add(nb::handle given, const Place& place) {
  if (is_number(given)) {
    const Py_ssize_t fd = PyNumber_AsSsize_t(given.ptr(), nullptr);
    if (fd == -1 && PyErr_Occurred() != nullptr) {
      throw nb::python_error();
    }
    if (fd < 0 || fd > std::numeric_limits<int>::max()) {
      refuse(place, "an int that is no file descriptor", "Give the descriptor of a dma-buf or memfd, 0 or more.");
    }
    return {.fd = static_cast<int>(fd)};
  }
  if (PyObject_CheckBuffer(given.ptr())) {
    return add_buffer(given, place);
  }
  if (nb::hasattr(given, "__dlpack__")) {
    return add_dlpack(given, place);
  }
  raise("InvalidType", fmt::format("{} {} '{}' is given as an array (NumPy, buffer protocol, DLPack) or a file descriptor; got {}.", place.direction,
                                   place.number, place.border.name, Py_TYPE(given.ptr())->tp_name));
}

Argument Held::add_buffer(nb::handle given, const Place& place) {
  Py_buffer& view = buffers_.emplace_back();
  const int flags = PyBUF_ND | PyBUF_FORMAT | (place.is_output() ? PyBUF_WRITABLE : 0);
  if (PyObject_GetBuffer(given.ptr(), &view, flags) != 0) {
    buffers_.pop_back();
    refuse_buffer(given, place);
  }
  check_buffer(given, view, place);
  return {.data = view.buf, .size_bytes = place.border.bytes};
}

Argument Held::add_dlpack(nb::handle given, const Place& place) {
  const nb::object lent = capsule_of(given, place);
  nb::ndarray<> array;
  if (!nb::try_cast(lent, array, false)) {
    nb::ndarray<nb::ro> readable;
    if (!nb::try_cast(lent, readable, false)) {
      refuse(place, "an array that DLPack cannot lend", lend_it);
    }
    if (place.is_output()) {
      refuse(place, "a read-only DLPack array", make_writable);
    }
    array = nb::ndarray<>(readable);
  }
  check_dlpack(array, place);
  return {.data = arrays_.emplace_back(std::move(array)).data(), .size_bytes = place.border.bytes};
}

}  // namespace polymetis::python
