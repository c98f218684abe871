package sysctl

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestNamespace(t *testing.T) {
	const network, ipc, uts = specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace
	for key, want := range map[Key]specs.LinuxNamespaceType{
		"net/ipv4/tcp_keepalive_time": network,
		"net/ipv4/conf/*/rp_filter":   network,
		"net/x":                       network,
		"net/*":                       network,
		"fs/mqueue/msg_max":           ipc,
		"fs/mqueue/*":                 ipc,
		"kernel/msgmax":               ipc,
		"kernel/msgmnb":               ipc,
		"kernel/msgmni":               ipc,
		"kernel/sem":                  ipc,
		"kernel/shmall":               ipc,
		"kernel/shmmax":               ipc,
		"kernel/shmmni":               ipc,
		"kernel/shm_rmid_forced":      ipc,
		"kernel/domainname":           uts,
		"kernel/hostname":             "",
		"kernel/msgmax/x":             "",
		"kernel/msgmaxx":              "",
		"kernel/msg_next_id":          "", // needs CAP_CHECKPOINT_RESTORE; runc refuses it too
		"kernel/msg*":                 "",
		"kernel/*":                    "",
		"*/msgmax":                    "",
		"*":                           "",
		"*/ipv4/tcp_keepalive_time":   "",
		"net":                         "",
		"network/x":                   "",
		"fs/mqueue":                   "",
		"fs/file-max":                 "",
		"fs/*/msg_max":                "",
		"user/max_net_namespaces":     "",
		"vm/swappiness":               "",
		"KERNEL/sem":                  "",
		"":                            "",
	} {
		got, err := key.Namespace()
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q.Namespace() = %q, %v; want %q", key, got, err, want)
		}
	}
}
