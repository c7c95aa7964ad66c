/* client: calls over a struct transport (HTTPS, in process, simulated), informers, queues, leader election, events, kubeconfig.
 * Floor 6.  Headers: transport.h call.h informer.h queue.h elect.h recorder.h kubeconfig.h https.h. */
#pragma once
