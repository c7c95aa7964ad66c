/* cni: the node's Pod network.  The configuration under which the runtime calls the distribution's plug-ins; plug-ins of our own come here.
 * Floor 8.  Header: conf.h. */
#pragma once
