/* client: calls over a struct transport (HTTPS, in process, simulated), informers, queues, leader election, events, kubeconfig.
 * Floor 6.  Headers: transport.h (the interface), call.h (short forms), status.h (Status and errors),
 * informer.h queue.h elect.h recorder.h backoff.h (what components are made of), kubeconfig.h exec_auth.h https.h account.h (reaching a server),
 * reviews.h (who calls a server beside the API server), process.h (series that every component shows),
 * fake.h (a server in memory, for tests and the simulator). */
#pragma once
