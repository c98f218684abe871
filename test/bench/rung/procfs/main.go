// Command procfs opens the three keepalive keys as the hook does.
package main

import (
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
)

func main() {
	proc, err := procfs.Open()
	for _, name := range []string{"time", "intvl", "probes"} {
		if err == nil {
			_, err = proc.OpenAt("sys/net/ipv4/tcp_keepalive_"+name, unix.O_RDONLY)
		}
	}
	if err != nil {
		print(err.Error(), "\n")
		unix.Exit(1)
	}
}
