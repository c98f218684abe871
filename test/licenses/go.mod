// What tells licences apart is no part of the hook's module.
module github.com/oci-sysctl-hook/oci-sysctl-hook/test/licenses

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/google/licensecheck v0.3.1
)
