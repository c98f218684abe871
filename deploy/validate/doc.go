// Package validate checks the examples in deploy and docs: manifests against the
// types of Kubernetes and Ignition, what is embedded in them against the files
// of this repository, and the installers by running them.
package validate
