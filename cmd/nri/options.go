package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/containerd/nri/pkg/api"
)

// options are what the command line says.
type options struct {
	hook        hook
	name, index string
	socket      string
	version     bool
}

func usage() string {
	return `Usage: oci-sysctl-nri [OPTION]...

Give every container of containerd the oci-sysctl-hook, as a createRuntime
hook. This is an NRI plugin: it connects to containerd, and connects again when
containerd was restarted. containerd can start it too, from its NRI plugin
directory; it takes its settings from containerd's NRI configuration directory
then, and ends with containerd.

  --hook PATH        the hook (default: ` + defaultHook + `)
  --hook-arg ARG     an argument for the hook; may be repeated
  --timeout SECONDS  a hook that takes longer is ended, and the container fails
                     (default: 10)
  --name NAME        the plugin's name, which required_plugins of containerd
                     takes (default: oci-sysctl-nri)
  --index NN         its place among plugins, two digits (default: 50)
  --socket PATH      containerd's NRI socket (default: ` + api.DefaultSocketPath + `)
  --version          print the version
  --help             print this text

Exit status: 0 told to stop, 1 failed, 2 usage.
`
}

// parse reads the command line.
func parse(args []string) (options, error) {
	o := options{hook: hook{Path: defaultHook, Timeout: defaultTimeout}}
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.hook.Path, "hook", o.hook.Path, "")
	flags.Func("hook-arg", "", func(arg string) error {
		o.hook.Args = append(o.hook.Args, arg)
		return nil
	})
	flags.IntVar(&o.hook.Timeout, "timeout", o.hook.Timeout, "")
	flags.StringVar(&o.name, "name", program, "")
	flags.StringVar(&o.index, "index", "50", "")
	flags.StringVar(&o.socket, "socket", api.DefaultSocketPath, "")
	flags.BoolVar(&o.version, "version", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, o.check()
}

// check looks at what can be judged without the host.
func (o options) check() error {
	if err := api.CheckPluginIndex(o.index); err != nil {
		return fmt.Errorf("--index %q: not two digits", o.index)
	}
	if err := api.CheckPluginName(o.name); err != nil {
		return fmt.Errorf("--name %q: only letters, digits and _.+- are allowed", o.name)
	}
	return o.hook.check()
}
