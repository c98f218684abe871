// Command oci-sysctl-hook is an OCI runtime hook: it gives a container the
// sysctls that the node's policy says, before its application starts.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/record"
)

const name = "oci-sysctl-hook"

// version is set by the build: -ldflags "-X main.version=...".
var version = "unknown"

const usage = `Usage: oci-sysctl-hook [OPTION]... < STATE

Give a container the sysctls that this node's policy says. An OCI runtime runs
this program as a createRuntime (or prestart) hook, with the container's state
on standard input.

  --policy-dir DIR          read the policy from DIR; may be repeated (default:
                            oci-sysctl-hook/policy.d in /usr/share, /etc, /run)
  --on-policy-error ACTION  what a policy that can't be loaded does to the
                            container: fail it, or warn (default: fail)
  --log TARGET              syslog, stderr, none or file:PATH (default: syslog)
  --log-format FORMAT       text or json (default: text)
  --log-level LEVEL         error, warning, info or debug (default: info)
  --version                 print the version
  --help                    print this text

Exit status: 0 done, 1 refused by the policy, 2 usage or bad input,
3 bad policy, 4 the kernel or the runtime said no.

See oci-sysctl-hook(8), and oci-sysctl-hook-policy.toml(5) for the policy.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, fdio.Writer{FD: unix.Stderr, Patience: record.Patience}))
}

// run returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	options, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitDone
	case err != nil:
		recordUsage(err)
		fmt.Fprintf(stderr, "%s: %v; see --help\n", name, err)
		return exitInput
	case options.version:
		fmt.Fprintf(stdout, "%s %s\n", name, version)
		return exitDone
	}
	h := &hook{options: options}
	err = h.run()
	h.record(err)
	h.tell(stderr, err)
	return exitStatus(err)
}

// tell shows the user the warnings and the error, all at once: whoever does not
// read them holds up the container once.
func (h *hook) tell(stderr io.Writer, err error) {
	var text strings.Builder
	for _, warning := range h.shownWarnings() {
		fmt.Fprintf(&text, "%s: warning: %s\n", name, warning)
	}
	if err != nil {
		fmt.Fprintf(&text, "%s: %v\n", name, err)
	}
	_, _ = io.WriteString(stderr, text.String())
}

// recordUsage tells the system log of a command line that can't be understood:
// some runtimes show nobody what a hook writes to standard error.
func recordUsage(err error) {
	log, logErr := record.New(record.Options{Target: "syslog", Format: "text", Level: "error"})
	if logErr == nil {
		_ = log.Write(logrus.ErrorLevel, "failed", logrus.Fields{"error": err.Error() + "; correct args in the hook file"})
	}
}

// options are the command line.
type options struct {
	policyDirs      []string
	warnOnBadPolicy bool
	log             *record.Log
	version         bool
}

func parse(args []string) (*options, error) {
	o := &options{}
	var log record.Options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("policy-dir", "", func(dir string) error {
		if !strings.HasPrefix(dir, "/") {
			return errors.New("not an absolute path: a hook runs in a directory of the runtime's choice")
		}
		o.policyDirs = append(o.policyDirs, dir)
		return nil
	})
	flags.Func("on-policy-error", "", func(action string) error {
		if action != "fail" && action != "warn" {
			return errors.New("not one of fail or warn")
		}
		o.warnOnBadPolicy = action == "warn"
		return nil
	})
	flags.StringVar(&log.Target, "log", "syslog", "")
	flags.StringVar(&log.Format, "log-format", "text", "")
	flags.StringVar(&log.Level, "log-level", "info", "")
	flags.BoolVar(&o.version, "version", false, "")
	if err := flags.Parse(args); err != nil {
		return nil, twoDashes(err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	var err error
	o.log, err = record.New(log)
	return o, err
}

// twoDashes shows an option as it is documented; package flag shows one dash.
func twoDashes(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	text := err.Error()
	for _, before := range []string{"not defined: ", "needs an argument: ", "for flag "} {
		text = strings.Replace(text, before+"-", before+"--", 1)
	}
	return errors.New(text)
}
