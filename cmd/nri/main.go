// Command oci-sysctl-nri adds the oci-sysctl-hook to containers under
// containerd, which has no hooks.d. It is an NRI plugin and decides nothing:
// the hook does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

const program = "oci-sysctl-nri"

// version is set by the build: -ldflags "-X main.version=...".
var version = "unknown"

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	options, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage())
		return exitDone
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v; see --help\n", program, err)
		return exitUsage
	case options.version:
		fmt.Fprintf(stdout, "%s %s\n", program, version)
		return exitDone
	}
	if err := serve(ctx, options, newLogger(stderr)); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitFailed
	}
	return exitDone
}
