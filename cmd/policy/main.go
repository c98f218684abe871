// Command oci-sysctl-policy is for the people who write policies and look after
// nodes: it proves a policy, tells what the hook would do for a container, and
// compares running containers with the policy.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

const name = "oci-sysctl-policy"

// version is set by the build: -ldflags "-X main.version=...".
var version = "unknown"

func main() {
	// The main thread can't end. Locked, it is none of those that the Go runtime
	// gives to a goroutine which moves its thread into other namespaces.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	command := newCommand()
	command.SetArgs(args) // not nil, which would stand for os.Args
	command.SetOut(stdout)
	command.SetErr(stderr)
	err := command.Execute()
	status, shown := exitStatus(err)
	if shown != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, shown)
	}
	return status
}
