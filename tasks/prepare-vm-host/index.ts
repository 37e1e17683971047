/** Role: the host gets the cluster's pool, forwards packets, and uses the wanted firewall backend. */
export { firewallBackend } from './firewall-backend.ts'
export { ipv4Forwarding } from './ipv4-forwarding.ts'
export { volumePool } from './volume-pool.ts'
