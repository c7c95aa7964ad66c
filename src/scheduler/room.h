/* scheduler: places Pods on nodes through the framework's extension points.  Floor 8.
 * Headers: scheduler.h (run one), framework.h (plug-ins: how to add one), nodes.h (the picture of the nodes), sched_queue.h. */
#pragma once
