/* net: sockets, TLS, HTTP/1.1 and HTTP/2, byte streams (WebSocket, SPDY/3.1), gRPC.
 * Floor 3.  Headers: addr.h (addresses, listeners), duplex.h (two-way byte streams for fibers), tls.h (contexts, peer identity),
 * http.h (server), http_client.h, websocket.h (messages), stream.h (numbered pipes for exec, attach, port-forward), grpc.h.
 *
 * Connections are state machines on one loop; requests run on fibers.  What a handler writes is referenced, not copied, until it is
 * encrypted; all output of one loop turn leaves in full TLS records and one write(2) per connection. */
#pragma once
