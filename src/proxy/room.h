/* proxy: Services to backends on this node: one model (services, endpoints, traffic policies), rendered as nftables rules and applied
 * incrementally through the privileged helper.
 * Floor 8.  Header: proxy.h.  Serving /healthz, /livez and metrics is cmd's; what they say comes from proxy_status and proxy_health_each.
 * To add a mode: a file that renders struct svc (model.h) like nftables.c, and a row where proxy.c picks it. */
#pragma once
