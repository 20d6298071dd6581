import os

import pytest

from trainer.system import resources
from trainer.system.resources import available_bytes, killed_for_memory, memory_limit_bytes, own_bytes, usable_cores

KIB = 1024


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Return a function that writes a file of a machine with 9,000 KiB, 5,000 of them free."""
    monkeypatch.setattr(resources, "PROC", tmp_path / "proc")
    monkeypatch.setattr(resources, "CGROUPS", tmp_path / "cgroup")

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("proc/meminfo", "MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:  5000 kB\n")
    return write


def group_2(write, path, limit, used, cache):
    write(f"cgroup/{path}memory.max", f"{limit}\n")
    write(f"cgroup/{path}memory.current", f"{used * KIB}\n")
    write(f"cgroup/{path}memory.stat", f"anon 7\ninactive_file {cache * KIB}\n")


def test_without_a_limit_it_is_what_the_machine_has_free(made):
    assert available_bytes() == 5000 * KIB
    group_2(made, "", "max", 3000, 0)
    assert available_bytes() == 5000 * KIB


def test_a_container_counts_by_its_limit_less_what_is_used_and_no_cache(made):
    made("proc/self/cgroup", "0::/\n")
    group_2(made, "", 4000 * KIB, 3000, 200)
    assert available_bytes() == 1200 * KIB
    group_2(made, "", 3000 * KIB, 3100, 0)
    assert available_bytes() == 0


def test_a_job_counts_by_the_tightest_of_the_groups_around_it(made):
    made("proc/self/cgroup", "0::/slurm/job_7/step_0\n")
    made("cgroup/slurm/job_7/step_0/memory.max", "max\n")
    group_2(made, "slurm/job_7/", 4000 * KIB, 3000, 0)
    group_2(made, "slurm/", 4500 * KIB, 4000, 0)
    assert available_bytes() == 500 * KIB


def test_control_groups_of_version_1_count_too(made):
    made("proc/self/cgroup", "9:cpu,cpuacct:/\n4:memory:/of/the/host\n0::/\n")
    made("cgroup/memory/memory.limit_in_bytes", f"{4000 * KIB}\n")
    made("cgroup/memory/memory.usage_in_bytes", f"{3000 * KIB}\n")
    made("cgroup/memory/memory.stat", f"inactive_file 1\ntotal_inactive_file {300 * KIB}\n")
    assert available_bytes() == 1300 * KIB


@pytest.mark.parametrize(
    ("groups", "file"),
    [("0::/job_7\n", "cgroup/job_7/memory.events"), ("4:memory:/job_7\n", "cgroup/memory/job_7/memory.oom_control")],
)
def test_what_was_killed_for_memory_is_counted_by_the_group_or_else_by_the_machine(made, groups, file):
    assert (killed_for_memory(), memory_limit_bytes()) == (0, None)
    made("proc/self/cgroup", groups)
    made("proc/vmstat", "nr_free_pages 7\noom_kill 9\n")
    assert killed_for_memory() == 9
    made(file, "oom 5\nunder_oom 0\noom_kill 2\noom_group_kill 0\n")
    assert killed_for_memory() == 2


def test_the_limit_is_the_tightest_of_the_groups(made):
    made("proc/self/cgroup", "4:memory:/job_7\n0::/job_7\n")
    made("cgroup/memory/job_7/memory.limit_in_bytes", f"{0x7FFFFFFFFFFFF000}\n")
    made("cgroup/job_7/memory.max", "max\n")
    assert memory_limit_bytes() is None
    made("cgroup/memory/memory.limit_in_bytes", f"{300 * KIB}\n")
    assert memory_limit_bytes() == 300 * KIB


def test_elsewhere_it_is_the_memory_of_the_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "PROC", tmp_path)
    assert available_bytes() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert own_bytes() == 0


def test_a_process_counts_as_large_as_what_it_does_not_share(made):
    made("proc/self/status", "VmRSS:\t 900 kB\nRssAnon:\t 100 kB\n")
    assert own_bytes() == 100 * KIB


def test_this_machine():
    assert 2**20 < own_bytes() < 2**50
    assert 2**20 < available_bytes() < 2**50
    assert 1 <= usable_cores() <= os.cpu_count()
