// Command bench measures what the hook costs, next to other ways to the same
// end. All cases take turns, so that a machine that gets slower or faster does
// so for all of them, and what counts is the ratio.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	runs := flag.Int("runs", 200, "how often each program runs")
	containerRuns := flag.Int("container-runs", 30, "how often each container starts")
	bin := flag.String("bin", "bin", "directory of the built programs")
	svg := flag.String("svg", "", "write a picture to this file")
	flag.Parse()
	if err := bench(*bin, *runs, *containerRuns, *svg); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(bin string, runs, containerRuns int, svg string) error {
	if os.Getenv(insideEnv) == "" {
		return reexec()
	}
	if err := errors.Join(privateDev(), dropHybridCgroups()); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "oci-sysctl-hook-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	target, err := startTarget()
	if err != nil {
		return err
	}
	defer target.stop()
	programs, err := programCases(dir, bin, target)
	if err != nil {
		return err
	}
	containers, err := containerCases(dir, bin)
	if err != nil {
		return err
	}
	if err := measure(programs, runs); err != nil {
		return err
	}
	if err := measure(containers, containerRuns); err != nil {
		return err
	}
	fmt.Printf("%d runs of each program, %d of each container, in random turns.\n\n", runs, containerRuns)
	printTable(os.Stdout, programs)
	fmt.Println()
	printTable(os.Stdout, containers)
	if svg == "" {
		return nil
	}
	return writeFile(svg, func(w io.Writer) error { return drawSVG(w, programs, containers) })
}

const insideEnv = "OCI_SYSCTL_HOOK_BENCH"

// reexec runs the benchmark in a mount namespace of its own, where it may put
// a system log at /dev/log.
func reexec() error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return cmd.Run()
}
