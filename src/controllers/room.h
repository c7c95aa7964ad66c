/* controllers: what kube-controller-manager runs.  Floor 8.  One file per controller, a row each in table.c; controller.h says how to add one. */
#pragma once
