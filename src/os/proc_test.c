#include "base/test.h"
#include "os/proc.h"
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TEST(machine_facts_are_there)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct machine m;
	ERR(e);
	assert_ok(machine_facts(a, &m, &e), &e);
	assert_true(m.cpus >= 1);
	assert_true(m.memory_total > (16u << 20) && m.memory_available <= m.memory_total);
	assert_int_equal(m.boot_id.n, 36);
	assert_true(m.kernel_version.n > 0 && m.os_image.n > 0 && m.hostname.n > 0);
	assert_true(m.booted > 0 && m.booted / NS_S <= time(NULL));
	assert_true(str_is(m.architecture, "amd64") || str_is(m.architecture, "arm64"));
}

TEST(proc_start_ticks_tell_processes_apart)
{
	uint64_t own = proc_start_ticks(getpid());
	assert_true(own > 0);
	assert_int_equal(own, proc_start_ticks(getpid()));
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(proc_start_ticks(pid), 0);
}

TEST(proc_pss_and_cpu_of_self)
{
	uint64_t pss;
	nsec_t cpu, all;
	ERR(e);
	assert_ok(proc_pss(getpid(), &pss, &e), &e);
	assert_true(pss > 4096);
	assert_ok(proc_cpu(getpid(), &cpu, &e), &e);
	assert_ok(machine_cpu(&all, &e), &e);
	assert_true(all > cpu);
	assert_int_equal(proc_cpu(999999999, &cpu, &e), -1);
}

TEST(fs_stats_of_root)
{
	struct fs_stats s;
	ERR(e);
	assert_ok(fs_stats("/", &s, &e), &e);
	assert_true(s.capacity > 0 && s.available <= s.capacity && s.used <= s.capacity);
	assert_int_equal(fs_stats("/nonexistent", &s, &e), -1);
}

TEST(links_of_a_process)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct link_stats *v;
	size_t n = proc_links(a, getpid(), &v), loopbacks = 0;
	for (size_t i = 0; i < n; i++) {
		loopbacks += str_is(v[i].name, "lo");
		assert_true(v[i].in.bytes >= v[i].in.packets && v[i].out.bytes >= v[i].out.packets);
	}
	assert_int_equal(loopbacks, 1);
	assert_int_equal(proc_links(a, -1, &v), 0);
}
