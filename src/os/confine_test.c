#include "base/test.h"
#include "os/confine.h"
#include "os/spawn.h"
#include <errno.h>
#include <stdio.h>
#include <sched.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(int (*fn)(void *), void *arg)
{
	struct spawn_opts o = {.fn = fn, .arg = arg, .err = SPAWN_INHERIT};
	struct proc p;
	int status;
	ERR(e);
	if (geteuid())
		skip();
	assert_ok(spawn(&o, &p, &e), &e);
	assert_int_equal(proc_wait(&p, MONO_NEVER, &status), 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Each returns the number of the first expectation that failed. */
#define EXPECT(cond) do { if (!(cond)) return __LINE__ % 250 + 1; } while (0)

static int control_plane(void *arg)
{
	struct confine_opts o = {.uid = 65534, .gid = 65534, .drop_caps = true, .filter = CONFINE_CONTROL_PLANE, .no_core = true, .nofile = 1000};
	struct rlimit r;
	ERR(e);
	EXPECT(confine(&o, &e) == 0);
	EXPECT(getuid() == 65534 && getegid() == 65534);
	EXPECT(setuid(0) == -1);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(prctl(PR_GET_DUMPABLE) == 0);
	EXPECT(!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur == 1000);
	EXPECT(prctl(PR_CAPBSET_READ, 21, 0, 0, 0) == 0);
	EXPECT(unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
	EXPECT(execl("/bin/true", "true", (char *)NULL) == -1 && errno == EPERM);
	EXPECT(socket(AF_INET, SOCK_RAW, 1) == -1 && errno == EPERM);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(fd >= 0);
	close(fd);
	return 0;
}

TEST(confine_takes_user_capabilities_and_calls_away)
{
	assert_int_equal(run(control_plane, NULL), 0);
}

static int keeps_some(void *arg)
{
	struct confine_opts o = {.uid = 65534, .gid = 65534, .drop_caps = true, .keep_caps = 1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_CHOWN};
	int death = 0;
	ERR(e);
	EXPECT(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	EXPECT(confine(&o, &e) == 0);
	EXPECT(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 1 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
	cap_t now = cap_get_proc();
	cap_flag_value_t chown_on, admin_on;
	EXPECT(now && !cap_get_flag(now, CAP_CHOWN, CAP_EFFECTIVE, &chown_on) && !cap_get_flag(now, CAP_SYS_ADMIN, CAP_PERMITTED, &admin_on));
	cap_free(now);
	EXPECT(chown_on == CAP_SET && admin_on == CAP_CLEAR);
	EXPECT(prctl(PR_GET_PDEATHSIG, &death) == 0 && death == SIGKILL);
	return 0;
}

TEST(confine_keeps_named_capabilities_and_the_death_signal)
{
	assert_int_equal(run(keeps_some, NULL), 0);
}

static int node(void *arg)
{
	struct confine_opts o = {.filter = CONFINE_NODE};
	EXPECT(confine(&o, NULL) == 0);
	EXPECT(unshare(CLONE_NEWNS) == 0);
	EXPECT(execl("/bin/true", "true", (char *)NULL) == 0);
	return 1;
}

TEST(confine_node_may_still_start_programs)
{
	assert_int_equal(run(node, NULL), 0);
}

TEST(confine_user_reads_passwd)
{
	uint32_t uid = 1, gid = 1;
	ERR(e);
	assert_ok(confine_user("root", &uid, &gid, &e), &e);
	assert_int_equal(uid + gid, 0);
	assert_int_equal(confine_user("roo", &uid, &gid, &e), -1);
	assert_true(err_is(&e, ERR_NOT_FOUND));
}

static int titled(void *arg)
{
	char block[] = "a-long-program-name\0--flag=1";
	char *argv[] = {block, block + sizeof "a-long-program-name", NULL}, name[16];
	proc_title_init(2, argv);
	proc_title("c8s-apiserver");
	EXPECT(!strcmp(block, "c8s-apiserver") && block[sizeof block - 2] == 0);
	EXPECT(!prctl(PR_GET_NAME, name) && !strcmp(name, "c8s-apiserver"));
	proc_title("a-title-that-is-much-longer-than-there-is-room");
	EXPECT(strlen(block) == sizeof block - 1);
	return 0;
}

TEST(proc_title_stays_within_argv)
{
	assert_int_equal(run(titled, NULL), 0);
}
