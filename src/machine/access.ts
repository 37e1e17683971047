/** Inventory variables that say how a host is reached, under Ansible's names. */
export const CONNECTION_VARS = [
  'ansible_host', 'ansible_port', 'ansible_user', 'ansible_connection', 'ansible_password', 'ansible_ssh_pass', 'ansible_ssh_private_key_file',
  'ansible_become', 'ansible_become_method', 'ansible_become_user', 'ansible_become_password', 'farm_jumps', 'host_key_checking', 'farm_known_hosts',
] as const
