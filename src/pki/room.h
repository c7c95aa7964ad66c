/* pki: keys, certificates, JSON web tokens; made and renewed as kubeadm lays them out, with P-256 keys.
 * Floor 4.  Headers: cert.h (keys, certificates, requests, files), jwt.h (tokens and key sets). */
#pragma once
