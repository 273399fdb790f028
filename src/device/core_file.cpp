#include "device/core_file.hpp"

#include <fmt/format.h>

#include "base/try.hpp"

namespace polymetis::device::core_file {

namespace {

CoreHolder holder_of(const ProcessIdentity& process) {
  auto name = name_of(process);
  if (!name) return {CoreHolder::State::held, -1, ""};
  return {CoreHolder::State::held, process.pid, std::move(*name)};
}

}  // namespace

Expected<Header> read_header(int fd, const std::filesystem::path& path) {
  const auto header = read_value<Header>(fd, 0);
  if (header.magic == 0 && header.layout == 0) return header;
  if (header.magic != magic || header.layout != layout) {
    return failure(Code::connection_error, fmt::format("'{}' is not a reservation file of Polymetis: remove it, or choose another run directory "
                                                       "(POLYMETIS_RUN_DIR)",
                                                       path.string()));
  }
  return header;
}

Expected<std::string> read_text(int fd, const std::filesystem::path& path) {
  const Header header = TRY(read_header(fd, path));
  if (header.text_bytes > most_text_bytes) return std::string();
  std::string text(header.text_bytes, '\0');
  read_at(fd, text_at, std::as_writable_bytes(std::span(text)));
  return text;
}

Status write_text(const SharedFile& file, std::string_view text, unsigned core_count) {
  TRY(file.allocate(file_bytes(core_count)));
  TRY(file.write(text_at, std::as_bytes(std::span(text))));
  return file.write_value(0, Header{magic, layout, core_count, text.size()});
}

std::vector<CoreHolder> read_holders(int fd, unsigned core_count) {
  std::vector<CoreHolder> holders(core_count);
  if (!locked_elsewhere(fd, cores({0, core_count}))) return holders;
  ProcessIdentity last;
  const CoreHolder* same = nullptr;  // mostly one process holds several: its name is asked once
  for (unsigned core = 0; core < core_count; ++core) {
    if (!locked_elsewhere(fd, cores({core, 1}))) continue;
    const auto process = read_value<ProcessIdentity>(fd, core_slot(core));
    holders[core] = same != nullptr && process == last ? *same : holder_of(process);
    last = process;
    same = &holders[core];
  }
  return holders;
}

CoreHolder configuration_holder(int fd) {
  if (!locked_elsewhere(fd, configuration)) return {};
  return holder_of(read_value<ProcessIdentity>(fd, configuration_slot));
}

}  // namespace polymetis::device::core_file
