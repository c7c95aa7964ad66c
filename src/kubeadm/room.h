/* kubeadm: what sets clusters up: certificates and kubeconfigs in kubeadm's layout.  Floor 9.  Headers: certs.h */
#pragma once
