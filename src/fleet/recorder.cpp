#include "fleet/recorder.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file_size_signal.hpp"

namespace polymetis::fleet {

namespace {

constexpr std::size_t flush_bytes = std::size_t{1} << 16;
constexpr std::uint32_t digest_every = 1024;  // events

std::uint64_t mix(std::uint64_t digest, std::uint64_t value) noexcept {
  digest ^= value + 0x9E3779B97F4A7C15ULL + (digest << 6) + (digest >> 2);
  return digest * 0xFF51AFD7ED558CCDULL;
}

}  // namespace

struct Recorder::File {
  std::FILE* file = nullptr;
  int error = 0;  // the first
  ~File() {
    const base::FileSizeSignalBlock block;
    if (file != nullptr) std::fclose(file);
  }
  void write(const std::string& bytes) {
    const base::FileSizeSignalBlock block;
    if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() && error == 0) error = errno;
  }
};

std::uint64_t mix_decisions(std::uint64_t digest, const Actions& actions) noexcept {
  for (const auto& s : actions.starts) digest = mix(mix(digest, 1), (std::uint64_t{s.job.value} << 32) | s.executor.value);
  for (const FrameId f : actions.frames) digest = mix(mix(digest, 2), f.value);
  for (const JobId j : actions.abandons) digest = mix(mix(digest, 3), j.value);
  for (const auto& w : actions.wins) digest = mix(mix(digest, 4), (std::uint64_t{w.frame.value} << 32) | w.job.value);
  for (const auto& d : actions.delivers) {
    digest = mix(mix(digest, 5), (std::uint64_t{d.stream.value} << 32) | static_cast<std::uint64_t>(d.outcome));
    digest = mix(mix(digest, d.number), (std::uint64_t{d.device.value} << 32) | d.attempts);
  }
  for (const FrameId f : actions.releases) digest = mix(mix(digest, 6), f.value);
  for (const ExecutorId e : actions.reloads) digest = mix(mix(digest, 7), e.value);
  for (const StreamId s : actions.room) digest = mix(mix(digest, 8), s.value);
  for (const StreamId s : actions.closed) digest = mix(mix(digest, 9), s.value);
  for (const auto& c : actions.changes) digest = mix(mix(digest, 10), (std::uint64_t{c.subject} << 32) | std::strlen(c.state));
  return mix(digest, actions.accepted.value);
}

Recorder::Recorder() = default;
Recorder::~Recorder() = default;

Status Recorder::open(const std::filesystem::path& path, const PlanOptions& options, std::shared_ptr<Host> host) {
  auto file = std::make_shared<File>();
  file->file = std::fopen(path.c_str(), "wbe");
  if (file->file == nullptr)
    return {Code::runtime_error,
            fmt::format("The recording {} cannot be made ({}); name a file that can be written.", path.string(), std::strerror(errno))};
  file_ = std::move(file);
  host_ = std::move(host);
  bytes_ = recording_magic;
  FieldWriter write(bytes_);
  PlanOptions copy = options;
  copy.members(write);
  return {};
}

void Recorder::decided(const Actions& actions) {
  digest_ = mix_decisions(digest_, actions);
  if (++since_digest_ >= digest_every) write_digest();
  if (bytes_.size() >= flush_bytes) flush();
}

void Recorder::write_digest() {
  since_digest_ = 0;
  FieldWriter write(bytes_);
  write.number(digest_entry);
  write.number(digest_);
}

void Recorder::flush() {
  if (!on() || bytes_.empty()) return;
  host_->post(make_task([file = file_, bytes = std::exchange(bytes_, {})] { file->write(bytes); }));
}

Status Recorder::close() {
  if (!on()) return {};
  write_digest();
  flush();
  // Posts run in order, so the file is whole once this one ran.
  Latch written;
  host_->post({[](void* latch) noexcept { static_cast<Latch*>(latch)->open(); }, &written});
  host_->wait(written, TimePoint::max());
  if (std::fflush(file_->file) != 0 && file_->error == 0) file_->error = errno;
  const int error = file_->error;
  file_.reset();
  if (error == 0) return {};
  return {Code::runtime_error, fmt::format("The recording is not whole: {}.", std::strerror(error))};
}

}  // namespace polymetis::fleet
