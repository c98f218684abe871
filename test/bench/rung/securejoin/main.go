// Command securejoin opens the three keepalive keys with the library that runc
// uses.
package main

import (
	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/cyphar/filepath-securejoin/pathrs-lite/procfs"
	"golang.org/x/sys/unix"
)

func main() {
	proc, err := procfs.OpenProcRoot()
	for _, name := range []string{"time", "intvl", "probes"} {
		if err == nil {
			err = open(proc, "sys/net/ipv4/tcp_keepalive_"+name)
		}
	}
	if err != nil {
		print(err.Error(), "\n")
		unix.Exit(1)
	}
}

// open opens the key as the library has it: without a symbolic link in it, and
// then again to read.
func open(proc *procfs.Handle, path string) error {
	handle, err := proc.OpenRoot(path)
	if err != nil {
		return err
	}
	defer handle.Close()
	file, err := pathrs.Reopen(handle, unix.O_RDONLY)
	if err != nil {
		return err
	}
	return file.Close()
}
