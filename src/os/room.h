/* os: everything that touches the kernel beyond sockets and clocks: files, mounts, cgroups, netlink, nftables, processes; plans of
 * privileged operations and the helper process that carries them out.
 * Floor 2: includes base/ and rt/ only.  Headers: plan.h helper.h spawn.h supervise.h signals.h confine.h file.h mount.h cgroup.h netlink.h
 * nft.h proc.h.
 * Functions block (for microseconds to a few milliseconds of kernel work) unless their comment says "waits"; from a fiber, call what may
 * touch a slow disk through rt_job. */
#pragma once
