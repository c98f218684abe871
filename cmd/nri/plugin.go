package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/nri/pkg/api"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
)

// askPrefix begins every annotation by which a pod asks for a value.
const askPrefix = "oci-sysctl-hook/"

// plugin answers containerd's requests over one connection.
type plugin struct {
	hook   hook
	broken error // why no container can have the hook
	log    *logrus.Logger
}

// Configure is the first request. A wrong configuration fails the containers,
// not the plugin: containerd would go on without it, and the stderr of a plugin
// that containerd started is lost.
func (p *plugin) Configure(_ context.Context, config, runtime, version string) (api.EventMask, error) {
	p.hook, p.broken = p.hook.with(config)
	p.log.WithFields(logrus.Fields{"runtime": runtime, "version": version, "hook": p.hook.Path}).Info("connected")
	return 0, nil
}

// Synchronize is the second request: what runs already. Nothing can be added
// to it, so name what runs without the hook.
func (p *plugin) Synchronize(_ context.Context, pods []*api.PodSandbox, containers []*api.Container) ([]*api.ContainerUpdate, error) {
	if missed := p.missed(pods, containers); len(missed) > 0 {
		p.log.WithField("containers", strings.Join(missed, " ")).
			Warnf("%d containers were started without the hook; start them again to apply the policy", len(missed))
	}
	// Under systemd with Type=notify. Without systemd there is nothing to tell.
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		p.log.WithError(err).Warn("systemd was not told of the start")
	}
	return nil, nil
}

// missed names the containers that have no hook.
func (p *plugin) missed(pods []*api.PodSandbox, containers []*api.Container) []string {
	byID := make(map[string]*api.PodSandbox, len(pods))
	for _, pod := range pods {
		byID[pod.GetId()] = pod
	}
	var names []string
	for _, c := range containers {
		if !p.hook.in(c) {
			names = append(names, fullName(byID[c.GetPodSandboxId()], c))
		}
	}
	return names
}

// CreateContainer comes for each container of a pod, before its config.json is
// written. It does not come for the pod's own (pause) container.
func (p *plugin) CreateContainer(_ context.Context, pod *api.PodSandbox, c *api.Container) (*api.ContainerAdjustment, []*api.ContainerUpdate, error) {
	if p.broken != nil {
		return nil, nil, fmt.Errorf("%s: %w", program, p.broken)
	}
	if err := p.hook.find(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", program, err)
	}
	adjust := &api.ContainerAdjustment{}
	// A base_runtime_spec may carry the hook too, or another instance of the
	// plugin was first.
	if !p.hook.in(c) {
		adjust.AddHooks(&api.Hooks{CreateRuntime: []*api.Hook{p.hook.oci()}})
	}
	for key, value := range asks(pod, c) {
		adjust.AddAnnotation(key, value)
	}
	return adjust, nil, nil
}

// asks are the annotations by which the pod asks for values and that the
// container has not got. containerd gives a container none of its pod's
// annotations unless its pod_annotations names them, so that the hook would not
// see what it has to grant or refuse. Of two plugins that set one annotation,
// containerd fails the container: while this one is being replaced there are
// two of it.
func asks(pod *api.PodSandbox, c *api.Container) map[string]string {
	found := map[string]string{}
	for key, value := range pod.GetAnnotations() {
		if _, has := c.GetAnnotations()[key]; !has && strings.HasPrefix(key, askPrefix) {
			found[key] = value
		}
	}
	return found
}

// fullName names a container for people.
func fullName(pod *api.PodSandbox, c *api.Container) string {
	return fmt.Sprintf("%s/%s/%s", pod.GetNamespace(), pod.GetName(), c.GetName())
}
