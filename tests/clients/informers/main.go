// informers drives an API server the way controllers do: client-go informers over protobuf, with and without watch-list.
//
//	informers -kubeconfig FILE [-namespace NS]
//
// Each check prints one line, "ok NAME" or "FAIL NAME: why"; the last line is "N passed, N failed".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

const patience = 20 * time.Second

type suite struct {
	client         kubernetes.Interface
	json           kubernetes.Interface
	config         *rest.Config
	ns             string
	passed, failed int
}

func (s *suite) check(name string, f func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if err := f(ctx); err != nil {
		fmt.Printf("FAIL %s: %v\n", name, err)
		s.failed++
		return
	}
	fmt.Println("ok", name)
	s.passed++
}

// eventually waits until cond holds.
func eventually(ctx context.Context, what string, cond func() bool) error {
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(context.Context) (bool, error) { return cond(), nil })
	if err != nil {
		return errors.New("it never came that " + what)
	}
	return nil
}

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"suite": "informers"}}, Data: map[string]string{"k": value}}
}

// changes creates, updates, patches and deletes while an informer looks on, and compares its cache with the server at the end.
func (s *suite) changes(ctx context.Context) error {
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.ns))
	informer := factory.Core().V1().ConfigMaps().Informer()
	var mu sync.Mutex
	seen := map[string]int{}
	count := func(what string) { mu.Lock(); seen[what]++; mu.Unlock() }
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { count("add") },
		UpdateFunc: func(any, any) { count("update") },
		DeleteFunc: func(any) { count("delete") },
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	for i := range 20 {
		if _, err := maps.Create(ctx, configMap(fmt.Sprintf("early-%d", i), "0"), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return errors.New("the informer never synced")
	}
	if n := len(informer.GetStore().List()); n < 20 {
		return fmt.Errorf("synced with %d objects of 20", n)
	}
	for i := range 50 {
		name := fmt.Sprintf("late-%d", i)
		made, err := maps.Create(ctx, configMap(name, "0"), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		made.Data["k"] = "1"
		if _, err = maps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if _, err = maps.Patch(ctx, name, types.MergePatchType, []byte(`{"data":{"k":"2"}}`), metav1.PatchOptions{}); err != nil {
			return err
		}
		if i%2 == 1 {
			if err = maps.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				return err
			}
		}
	}
	same := func() bool {
		list, err := maps.List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) != len(informer.GetStore().ListKeys()) {
			return false
		}
		for i := range list.Items {
			have, ok, _ := informer.GetStore().GetByKey(s.ns + "/" + list.Items[i].Name)
			if !ok || have.(*corev1.ConfigMap).ResourceVersion != list.Items[i].ResourceVersion {
				return false
			}
		}
		return true
	}
	if err := eventually(ctx, "the informer's cache equals the server's list", same); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if seen["delete"] != 25 || seen["update"] < 100 {
		return fmt.Errorf("events seen: %v; wanted 25 deletes and at least 100 updates", seen)
	}
	return nil
}

// watchList reads the present state as a stream of events that a bookmark with an annotation ends.
func (s *suite) watchList(ctx context.Context) error {
	if _, err := s.client.CoreV1().ConfigMaps(s.ns).Create(ctx, configMap("listed", "1"), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	yes := true
	w, err := s.client.CoreV1().ConfigMaps(s.ns).Watch(ctx, metav1.ListOptions{SendInitialEvents: &yes, AllowWatchBookmarks: true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
	if err != nil {
		return err
	}
	defer w.Stop()
	found := false
	for e := range w.ResultChan() {
		object, ok := e.Object.(*corev1.ConfigMap)
		switch {
		case !ok:
			return fmt.Errorf("event %s with %T", e.Type, e.Object)
		case e.Type == watch.Added:
			found = found || object.Name == "listed"
		case e.Type == watch.Bookmark:
			if object.Annotations[metav1.InitialEventsAnnotationKey] != "true" || !found || object.ResourceVersion == "" {
				return fmt.Errorf("the bookmark came with annotations %v, object seen: %v", object.Annotations, found)
			}
			return nil
		}
	}
	return errors.New("the watch ended before its bookmark")
}

func (s *suite) conflicts(ctx context.Context) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	old, err := maps.Create(ctx, configMap("contended", "0"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	fresh := old.DeepCopy()
	fresh.Data["k"] = "1"
	if _, err = maps.Update(ctx, fresh, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if _, err = maps.Update(ctx, old, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		return fmt.Errorf("an update of an old version answered %v", err)
	}
	if _, err = maps.Create(ctx, configMap("contended", "0"), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("a second create answered %v", err)
	}
	wrong := types.UID("no-such-uid")
	if err = maps.Delete(ctx, "contended", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}}); !apierrors.IsConflict(err) {
		return fmt.Errorf("a delete with another uid answered %v", err)
	}
	if _, err = maps.Get(ctx, "absent", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return fmt.Errorf("a missing object answered %v", err)
	}
	return nil
}

func (s *suite) patches(ctx context.Context) error {
	services := s.client.CoreV1().Services(s.ns)
	made, err := services.Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "patched"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"a": "b"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "https", Port: 443}}}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if made.Spec.ClusterIP == "" || made.Spec.Type != corev1.ServiceTypeClusterIP || made.Spec.Ports[0].Protocol != corev1.ProtocolTCP {
		return fmt.Errorf("the Service came back without its defaults: %+v", made.Spec)
	}
	got, err := services.Patch(ctx, "patched", types.StrategicMergePatchType, []byte(`{"spec":{"ports":[{"port":443,"name":"tls"}]}}`), metav1.PatchOptions{})
	if err != nil {
		return err
	}
	if len(got.Spec.Ports) != 2 {
		return fmt.Errorf("a strategic merge by port left %d ports", len(got.Spec.Ports))
	}
	got, err = services.Patch(ctx, "patched", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/selector/a","value":"b"},{"op":"remove","path":"/spec/ports/0"}]`), metav1.PatchOptions{})
	if err != nil {
		return err
	}
	if len(got.Spec.Ports) != 1 {
		return fmt.Errorf("a JSON patch left %d ports", len(got.Spec.Ports))
	}
	return services.Delete(ctx, "patched", metav1.DeleteOptions{})
}

func (s *suite) apply(ctx context.Context) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	one := applycorev1.ConfigMap("applied", s.ns).WithData(map[string]string{"mine": "1", "both": "1"})
	if _, err := maps.Apply(ctx, one, metav1.ApplyOptions{FieldManager: "one"}); err != nil {
		return err
	}
	two := applycorev1.ConfigMap("applied", s.ns).WithData(map[string]string{"both": "2"})
	if _, err := maps.Apply(ctx, two, metav1.ApplyOptions{FieldManager: "two"}); !apierrors.IsConflict(err) {
		return fmt.Errorf("another manager's apply answered %v", err)
	}
	if _, err := maps.Apply(ctx, two, metav1.ApplyOptions{FieldManager: "two", Force: true}); err != nil {
		return err
	}
	got, err := maps.Apply(ctx, applycorev1.ConfigMap("applied", s.ns), metav1.ApplyOptions{FieldManager: "one"})
	if err != nil {
		return err
	}
	if got.Data["both"] != "2" || got.Data["mine"] != "" {
		return fmt.Errorf("data after giving up: %v", got.Data)
	}
	return nil
}

// pages reads a list in pieces and compares it with the whole.
func (s *suite) pages(ctx context.Context) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	whole, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "suite=informers"})
	if err != nil {
		return err
	}
	names, next := 0, ""
	for {
		page, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "suite=informers", Limit: 7, Continue: next})
		if err != nil {
			return err
		}
		if len(page.Items) > 7 {
			return fmt.Errorf("a page of %d", len(page.Items))
		}
		names += len(page.Items)
		if next = page.Continue; next == "" {
			break
		}
	}
	if names != len(whole.Items) || names < 20 {
		return fmt.Errorf("pages have %d objects, the list %d", names, len(whole.Items))
	}
	return nil
}

// sameInJSON compares what the two encodings give.
func (s *suite) sameInJSON(ctx context.Context) error {
	a, err := s.client.CoreV1().ConfigMaps(s.ns).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	b, err := s.json.CoreV1().ConfigMaps(s.ns).List(ctx, metav1.ListOptions{ResourceVersion: a.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	if err != nil {
		return err
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		return errors.New("the list in protobuf differs from the list in JSON")
	}
	return nil
}

func (s *suite) tooOld(ctx context.Context) error {
	w, err := s.client.CoreV1().ConfigMaps(s.ns).Watch(ctx, metav1.ListOptions{ResourceVersion: "1"})
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Stop()
	// A server that still has all of its history answers with events instead.
	e := <-w.ResultChan()
	if e.Type == watch.Added || e.Type == watch.Error && apierrors.IsResourceExpired(apierrors.FromObject(e.Object)) {
		return nil
	}
	return fmt.Errorf("a watch from revision 1 gave %s %T", e.Type, e.Object)
}

func (s *suite) election(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, s.ns, "leader", s.client.CoreV1(), s.client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: "me"})
	if err != nil {
		return err
	}
	led := false
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{Lock: lock, LeaseDuration: 6 * time.Second, RenewDeadline: 4 * time.Second, RetryPeriod: time.Second, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { led = true; cancel() }, OnStoppedLeading: func() {}}})
	if !led {
		return errors.New("the election was never won")
	}
	return nil
}

func clients(path string) (proto, plain kubernetes.Interface, config *rest.Config, err error) {
	if config, err = clientcmd.BuildConfigFromFlags("", path); err != nil {
		return nil, nil, nil, err
	}
	config.QPS, config.Burst = 1000, 1000
	p := rest.CopyConfig(config)
	p.ContentType = "application/vnd.kubernetes.protobuf"
	p.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	if proto, err = kubernetes.NewForConfig(p); err != nil {
		return nil, nil, nil, err
	}
	plain, err = kubernetes.NewForConfig(config)
	return proto, plain, config, err
}

func main() {
	path := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig")
	ns := flag.String("namespace", fmt.Sprintf("informers-%d", os.Getpid()), "namespace, made and removed")
	flag.Parse()
	proto, plain, config, err := clients(*path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "informers:", err)
		os.Exit(2)
	}
	s := &suite{client: proto, json: plain, config: config, ns: *ns}
	ctx := context.Background()
	s.check("namespace", func(ctx context.Context) error {
		_, err := proto.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: *ns}}, metav1.CreateOptions{})
		return err
	})
	for _, c := range []struct {
		name string
		f    func(context.Context) error
	}{{"changes reach an informer", s.changes}, {"watch-list ends with its bookmark", s.watchList}, {"conflicts and preconditions", s.conflicts},
		{"patches", s.patches}, {"server-side apply", s.apply}, {"pages add up", s.pages}, {"protobuf and JSON are equal", s.sameInJSON},
		{"a watch from long ago", s.tooOld}, {"leader election", s.election},
		{"discovery and its mapper", s.discovery}, {"informers without types", s.untyped}, {"scales of any kind", s.scales}, {"events in series", s.series}} {
		s.check(c.name, c.f)
	}
	proto.CoreV1().Namespaces().Delete(ctx, *ns, metav1.DeleteOptions{})
	fmt.Printf("%d passed, %d failed\n", s.passed, s.failed)
	if s.failed > 0 {
		os.Exit(1)
	}
}
