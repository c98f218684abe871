package spec

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// MaxConfig bounds a bundle's config.json, in bytes.
const MaxConfig = 16 << 20

// ReadConfig reads a bundle's config.json: its annotations, domainname,
// linux.namespaces and linux.sysctl, and nothing else. It refuses one without linux.namespaces,
// since then nobody can tell which namespaces are the host's.
func ReadConfig(bundle string) (*specs.Spec, error) {
	path := bundle + "/config.json"
	fd, err := fdio.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	config, err := decodeConfig(&fdio.Reader{FD: fd, Limit: MaxConfig})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func decodeConfig(r io.Reader) (*specs.Spec, error) {
	var config specs.Spec
	d := newDecoder(r)
	err := d.document(func(name string) (err error) {
		switch name {
		case "annotations":
			config.Annotations, err = d.stringMap()
		case "domainname":
			config.Domainname, err = d.text()
		case "linux":
			config.Linux, err = d.linux()
		default:
			err = d.skip(name, "annotations", "domainname", "linux")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if config.Linux == nil || config.Linux.Namespaces == nil {
		return nil, errors.New("no linux.namespaces: not the bundle of a Linux container")
	}
	return &config, nil
}

func (d decoder) linux() (*specs.Linux, error) {
	var linux specs.Linux
	err := d.object(func(name string) (err error) {
		switch name {
		case "namespaces":
			linux.Namespaces, err = d.namespaces()
		case "sysctl":
			linux.Sysctl, err = d.sysctls()
		default:
			err = d.skip(name, "namespaces", "sysctl")
		}
		return err
	})
	return &linux, err
}

// sysctls reads linux.sysctl. To a runtime in C a name ends at a NUL byte, and
// to others it does not: such a name means two things.
func (d decoder) sysctls() (map[string]string, error) {
	sysctls, err := d.stringMap()
	for name := range sysctls {
		if strings.Contains(name, "\x00") {
			return nil, fmt.Errorf("linux.sysctl holds the name %s, with a NUL byte", quote.Text(name))
		}
	}
	return sysctls, err
}

func (d decoder) namespaces() ([]specs.LinuxNamespace, error) {
	var namespaces []specs.LinuxNamespace
	seen := map[specs.LinuxNamespaceType]bool{}
	err := d.array(func() error {
		namespace, err := d.namespace()
		if err != nil {
			return err
		}
		if seen[namespace.Type] {
			return fmt.Errorf("linux.namespaces holds %s twice", quote.Text(string(namespace.Type)))
		}
		seen[namespace.Type] = true
		namespaces = append(namespaces, namespace)
		return nil
	})
	return namespaces, err
}

func (d decoder) namespace() (namespace specs.LinuxNamespace, err error) {
	err = d.object(func(name string) error {
		switch name {
		case "type":
			text, err := d.text()
			namespace.Type = specs.LinuxNamespaceType(text)
			return err
		case "path":
			namespace.Path, err = d.text()
			return err
		default:
			return d.skip(name, "type", "path")
		}
	})
	return namespace, err
}
