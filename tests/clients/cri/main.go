// cri runs a container through a runtime's CRI as a kubelet does, with the published API: cri -endpoint unix:///... [-image nginx]
//
// Steps with their times, then "N passed, N failed".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

type run struct {
	runtime        cri.RuntimeServiceClient
	images         cri.ImageServiceClient
	passed, failed int
}

func (r *run) step(name string, f func(ctx context.Context) error) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	began := time.Now()
	if err := f(ctx); err != nil {
		fmt.Printf("FAIL %s: %v\n", name, err)
		r.failed++
		return false
	}
	fmt.Printf("ok %s (%.1f ms)\n", name, time.Since(began).Seconds()*1e3)
	r.passed++
	return true
}

func (r *run) pod(image, logs string) {
	var sandbox, container string
	config := &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: "cri-check", Namespace: "default", Uid: fmt.Sprint(os.Getpid())},
		LogDirectory: logs, Linux: &cri.LinuxPodSandboxConfig{}}
	_ = r.step("pull", func(ctx context.Context) error {
		_, err := r.images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: image}})
		return err
	}) && r.step("run sandbox", func(ctx context.Context) error {
		a, err := r.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config})
		sandbox = a.GetPodSandboxId()
		return err
	}) && r.step("create container", func(ctx context.Context) error {
		a, err := r.runtime.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: sandbox, SandboxConfig: config,
			Config: &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{Name: "c"}, Image: &cri.ImageSpec{Image: image}, LogPath: "c.log"}})
		container = a.GetContainerId()
		return err
	}) && r.step("start container", func(ctx context.Context) error {
		_, err := r.runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: container})
		return err
	}) && r.step("exec", func(ctx context.Context) error {
		a, err := r.runtime.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: container, Cmd: []string{"sh", "-c", "echo out; exit 3"}, Timeout: 10})
		if err == nil && (a.ExitCode != 3 || string(a.Stdout) != "out\n") {
			err = fmt.Errorf("exit code %d, output %q", a.ExitCode, a.Stdout)
		}
		return err
	})
	if sandbox != "" {
		r.step("remove", func(ctx context.Context) error {
			if _, err := r.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: sandbox}); err != nil {
				return err
			}
			_, err := r.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: sandbox})
			return err
		})
	}
}

func main() {
	endpoint := flag.String("endpoint", "unix:///run/containerd/containerd.sock", "runtime")
	image := flag.String("image", "docker.io/library/nginx:latest", "image that has a shell")
	logs := flag.String("logs", os.TempDir(), "log directory")
	flag.Parse()
	conn, err := grpc.NewClient(*endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, "cri:", err)
		os.Exit(2)
	}
	r := &run{runtime: cri.NewRuntimeServiceClient(conn), images: cri.NewImageServiceClient(conn)}
	if r.step("version", func(ctx context.Context) error {
		v, err := r.runtime.Version(ctx, &cri.VersionRequest{})
		fmt.Println("  ", v.GetRuntimeName(), v.GetRuntimeVersion())
		return err
	}) {
		r.pod(*image, *logs)
	}
	fmt.Printf("%d passed, %d failed\n", r.passed, r.failed)
	if r.failed > 0 {
		os.Exit(1)
	}
}
