/* cni: the node's Pod network.  The configuration under which the runtime calls the distribution's plug-ins; plug-ins of our own come here.
 * Floor 4.  Headers: conf.h masquerade.h. */
#pragma once
