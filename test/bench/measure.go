package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// measure runs each case once to see that it works, and then all of them in
// turn.
func measure(cases []*benchCase, runs int) error {
	for _, c := range cases {
		if _, err := c.run(); err != nil {
			return err
		}
		if c.check == nil {
			continue
		}
		if err := c.check(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for range runs {
		// In another order each time: what ran before leaves the caches warm or cold.
		for _, n := range rand.Perm(len(cases)) {
			c := cases[n]
			took, err := c.run()
			if err != nil {
				return err
			}
			c.millis = append(c.millis, float64(took.Microseconds())/1000)
		}
	}
	return nil
}

// run returns the time from the start of the program to its end.
func (c *benchCase) run() (time.Duration, error) {
	if c.before != nil {
		if err := c.before(); err != nil {
			return 0, err
		}
	}
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = append(c.env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	// A file, since a pipe would add this program's work to the time.
	output, err := os.CreateTemp("", "bench-output-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	if err != nil {
		text, _ := os.ReadFile(output.Name())
		return 0, fmt.Errorf("%s: %s: %w: %s", c.name, strings.Join(c.argv, " "), err, text)
	}
	return took, nil
}

// quantile returns the value below which the share of the runs lies.
func (c *benchCase) quantile(share float64) float64 {
	sorted := slices.Sorted(slices.Values(c.millis))
	return sorted[int(share*float64(len(sorted)-1))]
}

func (c *benchCase) median() float64 { return c.quantile(0.5) }

// ratios are to another case, run by run: in each turn both met the same machine.
func (c *benchCase) ratios(to *benchCase) *benchCase {
	r := &benchCase{}
	for n := range c.millis {
		r.millis = append(r.millis, c.millis[n]/to.millis[n])
	}
	return r
}

func printTable(w io.Writer, cases []*benchCase) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "| \t| median ms\t| quartiles ms\t| ratio\t| quartiles of the ratio\t|")
	fmt.Fprintln(table, "|---\t|---\t|---\t|---\t|---\t|")
	for _, c := range cases {
		r := c.ratios(first(cases, c.group))
		fmt.Fprintf(table, "| %s\t| %.2f\t| %.2f to %.2f\t| %.2f\t| %.2f to %.2f\t|\n",
			c.name, c.median(), c.quantile(0.25), c.quantile(0.75), r.median(), r.quantile(0.25), r.quantile(0.75))
	}
	table.Flush()
}

func first(cases []*benchCase, group string) *benchCase {
	for _, c := range cases {
		if c.group == group {
			return c
		}
	}
	return nil
}
