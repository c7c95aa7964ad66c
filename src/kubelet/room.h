/* kubelet: the node agent.  It registers the node, runs the Pods that are bound to it through a CRI runtime, reports how they fare, and serves
 * logs, exec, attach, port-forward and figures over HTTPS.
 * Floor 8.  Header: kubelet.h.  Inside (impl.h):
 *
 *   source.c     where Pods come from: the API server, a folder of manifests       worker.c     one fiber per Pod: observe, decide, act
 *   view.c       what the runtime says of a Pod                                    start.c      sandbox and containers started
 *   sandbox.c container.c security.c resources.c env.c dns.c  CRI requests made of a Pod
 *   kill.c       hooks, grace, stop                                                exits.c      pidfds, CRI events, the slow full check
 *   volume*.c    volume plug-ins                                                   status.c report.c  PodStatus computed, and written
 *   cni.c cni_conf.c masquerade.c  the Pods' network, where nobody else configures it
 *   probe.c hook.c image.c log.c node.c server.c auth.c stats.c metrics.c cadvisor.c config.c
 *
 * To add a volume plug-in: a row in the table of volume.c. */
#pragma once
