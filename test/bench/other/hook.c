/*
 * The least that a hook can do: the same three sysctls, no policy, no checks.
 * It shows what the job costs without a language runtime. It is a yardstick for
 * make bench and nothing to run anywhere else: it trusts its input.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const sysctls[][2] = {
	{"/proc/sys/net/ipv4/tcp_keepalive_time", "600\n"},
	{"/proc/sys/net/ipv4/tcp_keepalive_intvl", "10\n"},
	{"/proc/sys/net/ipv4/tcp_keepalive_probes", "6\n"},
};

int main(void)
{
	static char state[1 << 20];
	char path[64];
	size_t len = 0;
	ssize_t n;

	while ((n = read(0, state + len, sizeof(state) - 1 - len)) > 0)
		len += n;
	char *pid = strstr(state, "\"pid\":");
	if (!pid)
		return 2;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", atoi(pid + 6));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return 4;
	for (size_t i = 0; i < sizeof(sysctls) / sizeof(*sysctls); i++) {
		size_t size = strlen(sysctls[i][1]);
		fd = open(sysctls[i][0], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, sysctls[i][1], size) != (ssize_t)size)
			return 4;
		close(fd);
	}
	return 0;
}
