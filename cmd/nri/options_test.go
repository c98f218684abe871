package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"
	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want options
	}{
		"defaults": {nil, options{
			hook: hook{Path: defaultHook, Timeout: defaultTimeout},
			name: "oci-sysctl-nri", index: "50", socket: api.DefaultSocketPath,
		}},
		"all": {
			[]string{"--hook=/h", "--hook-arg", "--log=none", "--hook-arg=x y", "--timeout=3", "--name=n", "--index=07", "--socket=/s"},
			options{hook: hook{Path: "/h", Args: []string{"--log=none", "x y"}, Timeout: 3}, name: "n", index: "07", socket: "/s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(test.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(options{})); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown flag":     {[]string{"--hok=/h"}, exitUsage, "-hok; see --help"},
		"argument":         {[]string{"/h"}, exitUsage, `unexpected argument "/h"; see --help`},
		"relative hook":    {[]string{"--hook=h"}, exitUsage, `hook "h": not an absolute path`},
		"no time":          {[]string{"--timeout=0"}, exitUsage, "timeout 0: must be a number of seconds above 0"},
		"index of a digit": {[]string{"--index=5"}, exitUsage, `--index "5": not two digits`},
		"index no number":  {[]string{"--index=ab"}, exitUsage, `--index "ab": not two digits`},
		"name":             {[]string{"--name=a/b"}, exitUsage, `--name "a/b": `},
		"hook not there":   {[]string{"--hook=/nonexistent/h"}, exitFailed, "hook: stat /nonexistent/h: no such file or directory"},
		"hook a directory": {[]string{"--hook=/"}, exitFailed, "hook /: not an executable file"},
		"hook no program":  {[]string{"--hook=/etc/passwd"}, exitFailed, "hook /etc/passwd: not an executable file"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), test.args, &stdout, &stderr); code != test.code {
				t.Errorf("exit %d, want %d", code, test.code)
			}
			got := stderr.String()
			if !strings.HasPrefix(got, "oci-sysctl-nri: ") || !strings.Contains(got, test.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("stderr is %q, want one line with %q", got, test.want)
			}
			if stdout.Len() != 0 {
				t.Errorf("stdout is %q, want nothing", stdout.String())
			}
		})
	}
}

func TestRunPrints(t *testing.T) {
	for args, want := range map[string]string{"--version": "oci-sysctl-nri " + version + "\n", "--help": usage()} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{args}, &stdout, &stderr); code != exitDone || stdout.String() != want || stderr.Len() != 0 {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", args, code, stdout.String(), stderr.String())
		}
	}
}
