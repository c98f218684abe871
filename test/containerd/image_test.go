package containerd

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// image is a registry with one image in it: busybox, which serves as the pause
// image too. It speaks as much of the OCI distribution spec as a pull needs.
type image struct {
	manifest []byte
	blobs    map[digest.Digest][]byte
}

// imageName is how containerd asks for the image. It takes plain HTTP from the
// loopback address.
func imageName() string { return registry.Listener.Addr().String() + "/busybox:test" }

func buildImage() (*image, error) {
	layer, err := busyboxLayer()
	if err != nil {
		return nil, err
	}
	img := &image{blobs: map[digest.Digest][]byte{}}
	layerDesc := img.add(v1.MediaTypeImageLayer, layer)
	config, err := json.Marshal(v1.Image{
		Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Config:   v1.ImageConfig{Entrypoint: []string{"/bin/sleep", "3600"}, Env: []string{"PATH=/bin"}},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layerDesc.Digest}},
	})
	if err != nil {
		return nil, err
	}
	img.manifest, err = json.Marshal(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageManifest,
		Config:    img.add(v1.MediaTypeImageConfig, config),
		Layers:    []v1.Descriptor{layerDesc},
	})
	img.add(v1.MediaTypeImageManifest, img.manifest)
	return img, err
}

func (i *image) add(mediaType string, blob []byte) v1.Descriptor {
	id := digest.FromBytes(blob)
	i.blobs[id] = blob
	return v1.Descriptor{MediaType: mediaType, Digest: id, Size: int64(len(blob))}
}

// busyboxLayer is a root file system of the host's static busybox.
func busyboxLayer() ([]byte, error) {
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, dir := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}); err != nil {
			return nil, err
		}
	}
	file := &tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(busybox))}
	if err := w.WriteHeader(file); err != nil {
		return nil, err
	}
	if _, err := w.Write(busybox); err != nil {
		return nil, err
	}
	for _, applet := range []string{"sh", "cat", "sleep", "cp", "chmod", "mkdir", "mktemp", "mv", "rm"} {
		link := &tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777}
		if err := w.WriteHeader(link); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

// ServeHTTP answers for manifests and blobs, by digest or by the one tag.
func (i *image) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ref := path.Base(r.URL.Path)
	body, found := i.blobs[digest.Digest(ref)]
	kind := path.Base(path.Dir(r.URL.Path))
	if kind == "manifests" {
		w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
		w.Header().Set("Docker-Content-Digest", digest.FromBytes(i.manifest).String())
		if ref == "test" {
			body, found = i.manifest, true
		}
	}
	if !found {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
