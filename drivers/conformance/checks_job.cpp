#include <fmt/format.h>

#include <algorithm>

#include "conformance/probe.hpp"

namespace polymetis::conformance {

namespace {

/// An open device with the model on its first cores.
struct Loaded {
  explicit Loaded(Probe& probe) : device(probe.open()), instance(probe.load(*device)) {}
  std::unique_ptr<DriverDevice> device;
  std::unique_ptr<DriverInstance> instance;
};

void expect_good(Probe& probe, ProbeJob& job) {
  if (!probe.wait(job)) return;
  probe.expect(job.status, "a job failed");
  probe.expect(job.ends == 1, fmt::format("a job ended {} times", job.ends.load()));
}

void ends_for(Probe& probe, Submitter how) {
  Loaded loaded(probe);
  for (int i = 0; i < 5; ++i) {
    auto& job = probe.job(std::byte(i), how);
    loaded.instance->submit(job);
    expect_good(probe, job);
  }
}

void ends_for_who_waits(Probe& probe) { ends_for(probe, Submitter::waits); }
void ends_for_who_continues(Probe& probe) { ends_for(probe, Submitter::continues); }

void ends_only_once(Probe& probe) {
  Loaded loaded(probe);
  auto& job = probe.job();
  loaded.instance->submit(job);
  expect_good(probe, job);
  probe.settle(std::chrono::milliseconds(20));
  probe.expect(job.ends == 1, "a job ended again after a while");
}

void answers_are_right(Probe& probe) {
  Loaded loaded(probe);
  for (int i = 0; i < 4; ++i) {
    auto& job = probe.job(std::byte(10 * i), i % 2 == 0 ? Submitter::waits : Submitter::continues);
    loaded.instance->submit(job);
    expect_good(probe, job);
    if (probe.subject().answer)
      probe.expect(job.output_memory[0] == probe.subject().answer(job.input_memory[0]), fmt::format("wrong outputs for input {}", i));
  }
}

void rows_are_parts(Probe& probe) {
  Loaded loaded(probe);
  auto& job = probe.job(std::byte{1}, Submitter::continues, 3);
  auto& input = job.input_memory[0];
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i * 3 / input.size());
  loaded.instance->submit(job);
  expect_good(probe, job);
  if (!probe.subject().answer) return;
  const auto rows_in = input.size() / 3, rows_out = job.output_memory[0].size() / 3;
  for (std::size_t row = 0; row < 3; ++row) {
    const auto wanted = probe.subject().answer(std::span(input).subspan(row * rows_in, rows_in));
    const auto found = std::span(job.output_memory[0]).subspan(row * rows_out, rows_out);
    probe.expect(std::equal(found.begin(), found.end(), wanted.begin(), wanted.end()), fmt::format("part {} of the outputs is wrong", row));
  }
}

void stamps_are_ordered(Probe& probe) {
  Loaded loaded(probe);
  for (int i = 0; i < 3; ++i) {
    auto& job = probe.job();
    loaded.instance->submit(job);
    expect_good(probe, job);
    const auto& s = job.stamps;
    probe.expect(s.queued == job.queued, "the stamp `queued` is not when the job was given to the driver");
    probe.expect(s.queued <= s.input_started && s.input_started <= s.compute_started && s.compute_started <= s.compute_ended &&
                     s.compute_ended <= s.output_ended,
                 "the stamps are not in order");
    probe.expect(s.output_ended <= probe.host().now(), "a job says that it will end in the future");
  }
}

void holds_its_depth(Probe& probe) {
  Loaded loaded(probe);
  const auto depth = loaded.instance->traits().depth;
  for (int round = 0; round < 5; ++round) {
    std::vector<ProbeJob*> jobs;
    for (unsigned i = 0; i < depth; ++i) jobs.push_back(&probe.job(std::byte(i)));
    for (auto* job : jobs) loaded.instance->submit(*job);
    for (auto* job : jobs) expect_good(probe, *job);
    for (unsigned i = 1; i < depth; ++i) probe.expect(jobs[i - 1]->place < jobs[i]->place, "jobs did not end in the order of their submission");
  }
}

/// Submits the next job from within the end of the one before, as the runtime does.
void goes_on_from_an_end(Probe& probe) {
  constexpr int count = 300;
  Loaded loaded(probe);
  std::vector<ProbeJob*> jobs;
  for (int i = 0; i < count; ++i) jobs.push_back(&probe.job(std::byte(i % 100)));
  std::mutex mutex;
  int next = 0;
  bool inside = false;  // a submit: a further one waits until it has returned
  bool more = false;
  const std::function<void()> pull = [&] {
    for (;;) {
      ProbeJob* job = nullptr;
      {
        const std::lock_guard lock(mutex);
        if (inside) {
          more = true;
          return;
        }
        if (next == count) return;
        job = jobs[static_cast<std::size_t>(next++)];
        inside = true;
        more = false;
      }
      job->queued = probe.host().now();
      loaded.instance->submit(*job);
      const std::lock_guard lock(mutex);
      inside = false;
      if (!more) return;
    }
  };
  for (auto* job : jobs) job->then = pull;
  pull();
  for (auto* job : jobs) {
    if (!probe.wait(*job)) return;
    probe.expect(job->status, "a job failed");
  }
  for (std::size_t i = 1; i < jobs.size(); ++i) probe.expect(jobs[i - 1]->place < jobs[i]->place, "jobs did not end in order");
}

void abandoned_jobs_end(Probe& probe) {
  Loaded loaded(probe);
  const auto depth = loaded.instance->traits().depth;
  for (int round = 0; round < 3; ++round) {
    std::vector<ProbeJob*> jobs;
    for (unsigned i = 0; i < depth; ++i) jobs.push_back(&probe.job());
    for (auto* job : jobs) loaded.instance->submit(*job);
    for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) loaded.instance->abandon((*job)->ticket());
    for (auto* job : jobs) {
      if (probe.wait(*job)) probe.expect(job->ends == 1, fmt::format("an abandoned job ended {} times", job->ends.load()));
    }
  }
  auto& after = probe.job();
  loaded.instance->submit(after);
  expect_good(probe, after);
}

void abandoning_late_is_harmless(Probe& probe) {
  Loaded loaded(probe);
  auto& first = probe.job();
  loaded.instance->submit(first);
  expect_good(probe, first);
  loaded.instance->abandon(first.ticket());
  loaded.instance->abandon(Ticket());
  auto& second = probe.job();
  loaded.instance->submit(second);
  expect_good(probe, second);
  probe.expect(first.ends == 1, "a job ended again when it was abandoned afterwards");
}

void lets_go_of_buffers(Probe& probe) {
  Loaded loaded(probe);
  const auto depth = loaded.instance->traits().depth;
  std::vector<ProbeJob*> jobs;
  for (unsigned i = 0; i < depth; ++i) jobs.push_back(&probe.job());
  for (auto* job : jobs) {
    job->then = [job] {  // from the moment of its end the memory is the caller's
      for (auto& memory : job->output_memory) std::fill(memory.begin(), memory.end(), std::byte{0x2a});
    };
    loaded.instance->submit(*job);
  }
  loaded.instance->abandon(jobs.back()->ticket());
  for (auto* job : jobs) probe.wait(*job);
  probe.settle(std::chrono::milliseconds(20));
  const auto is_mine = [](std::byte byte) { return byte == std::byte{0x2a}; };
  for (auto* job : jobs) {
    for (const auto& memory : job->output_memory) {
      probe.expect(std::all_of(memory.begin(), memory.end(), is_mine), "an output was written after its job had ended");
    }
    for (const auto& memory : job->input_memory) {
      probe.expect(std::all_of(memory.begin(), memory.end(), [](std::byte byte) { return byte == std::byte{3}; }), "an input was written");
    }
  }
}

void may_go_after_the_last_end(Probe& probe) {
  const auto device = probe.open();
  for (int i = 0; i < 10; ++i) {
    auto instance = probe.load(*device);
    auto& job = probe.job();
    instance->submit(job);
    if (!probe.wait(job)) return static_cast<void>(instance.release());  // it may not be destroyed: leaked on purpose
    instance.reset();
    probe.expect(job.status, "a job failed");
  }
}

void instances_work_side_by_side(Probe& probe) {
  const auto description = probe.first_device();
  const auto device = probe.open();
  const auto step = static_cast<unsigned>(probe.model()->batch);
  std::vector<std::unique_ptr<DriverInstance>> instances;
  for (unsigned core = 0; core + step <= description.core_count && instances.size() < 4; core += step) instances.push_back(probe.load(*device, core));
  std::vector<ProbeJob*> jobs;
  for (int round = 0; round < 3; ++round) {
    for (auto& instance : instances) {
      auto& job = probe.job(std::byte(round));
      instance->submit(job);
      jobs.push_back(&job);
    }
    for (auto* job : jobs) expect_good(probe, *job);
  }
}

}  // namespace

std::vector<Check> job_checks() {
  return {{"ends_for_who_waits", ends_for_who_waits},
          {"ends_for_who_continues", ends_for_who_continues},
          {"ends_only_once", ends_only_once},
          {"answers_are_right", answers_are_right},
          {"rows_are_parts", rows_are_parts},
          {"stamps_are_ordered", stamps_are_ordered},
          {"holds_its_depth", holds_its_depth},
          {"goes_on_from_an_end", goes_on_from_an_end},
          {"abandoned_jobs_end", abandoned_jobs_end},
          {"abandoning_late_is_harmless", abandoning_late_is_harmless},
          {"lets_go_of_buffers", lets_go_of_buffers},
          {"may_go_after_the_last_end", may_go_after_the_last_end},
          {"instances_work_side_by_side", instances_work_side_by_side}};
}

}  // namespace polymetis::conformance
