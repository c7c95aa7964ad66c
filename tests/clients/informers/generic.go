// Clients that know no types: discovery and its mapper, dynamic and metadata informers, scales, events in series.
package main

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
)

var configMaps = corev1.SchemeGroupVersion.WithResource("configmaps")

func mapperOf(config *rest.Config) (discovery.CachedDiscoveryInterface, *restmapper.DeferredDiscoveryRESTMapper, error) {
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	cached := memory.NewMemCacheClient(d)
	return cached, restmapper.NewDeferredDiscoveryRESTMapper(cached), nil
}

func (s *suite) discovery(ctx context.Context) error {
	cached, mapper, err := mapperOf(s.config)
	if err != nil {
		return err
	}
	groups, err := discovery.ServerPreferredResources(cached)
	if err != nil || len(groups) < 15 {
		return fmt.Errorf("%d groups: %v", len(groups), err)
	}
	for short, want := range map[string]string{"deploy": "deployments.apps", "po": "pods", "hpa": "horizontalpodautoscalers.autoscaling", "pdb": "poddisruptionbudgets.policy"} {
		got, err := restmapper.NewShortcutExpander(mapper, cached, nil).ResourceFor(schema.GroupVersionResource{Resource: short})
		if err != nil || got.GroupResource().String() != want {
			return fmt.Errorf("%s is %v: %v", short, got, err)
		}
	}
	kind, err := mapper.RESTMapping(schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"})
	if err != nil || kind.Resource.Version != "v2" {
		return fmt.Errorf("autoscalers map to %v: %v", kind, err)
	}
	if _, err = mapper.RESTMapping(schema.GroupKind{Group: "no.such", Kind: "Kind"}); err == nil {
		return errors.New("a kind of nobody's was found")
	}
	return nil
}

// follow lets an informer that knows no types follow a ConfigMap from its making to its end.
func (s *suite) follow(ctx context.Context, informer cache.SharedIndexInformer, name string) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return errors.New("the informer never synced")
	}
	has := func(label string) bool {
		o, ok, _ := informer.GetStore().GetByKey(s.ns + "/" + name)
		return ok && o.(metav1.Object).GetLabels()["state"] == label
	}
	if _, err := maps.Create(ctx, configMap(name, "0"), metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := maps.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"labels":{"state":"new"}}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	if err := eventually(ctx, "the change arrives", func() bool { return has("new") }); err != nil {
		return err
	}
	if err := maps.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return eventually(ctx, "the end arrives", func() bool { return len(informer.GetStore().ListKeys()) > 0 && !has("new") })
}

func (s *suite) untyped(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d, err := dynamic.NewForConfig(s.config)
	if err != nil {
		return err
	}
	if err = s.follow(ctx, dynamicinformer.NewFilteredDynamicSharedInformerFactory(d, 0, s.ns, nil).ForResource(configMaps).Informer(), "dynamic"); err != nil {
		return fmt.Errorf("dynamic: %w", err)
	}
	m, err := metadata.NewForConfig(s.config)
	if err != nil {
		return err
	}
	if err = s.follow(ctx, metadatainformer.NewFilteredSharedInformerFactory(m, 0, s.ns, nil).ForResource(configMaps).Informer(), "metadata"); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	_, err = d.Resource(configMaps).Namespace(s.ns).Apply(ctx, "untyped", &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "untyped"}, "data": map[string]any{"k": "v"}}}, metav1.ApplyOptions{FieldManager: "me"})
	return err
}

func (s *suite) scales(ctx context.Context) error {
	cached, mapper, err := mapperOf(s.config)
	if err != nil {
		return err
	}
	scales, err := scale.NewForConfig(s.config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(cached))
	if err != nil {
		return err
	}
	none := int32(0)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "scaled"}, Spec: appsv1.DeploymentSpec{Replicas: &none, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}}}}}
	if _, err = s.client.AppsV1().Deployments(s.ns).Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return err
	}
	group := schema.GroupResource{Group: "apps", Resource: "deployments"}
	got, err := scales.Scales(s.ns).Get(ctx, group, "scaled", metav1.GetOptions{})
	if err != nil {
		return err
	}
	got.Spec.Replicas, got.ResourceVersion = 2, "" // whatever the controllers do meanwhile
	if got, err = scales.Scales(s.ns).Update(ctx, group, got, metav1.UpdateOptions{}); err != nil || got.Spec.Replicas != 2 || got.Status.Selector != "a=b" {
		return fmt.Errorf("the scale is %+v: %v", got, err)
	}
	return s.client.AppsV1().Deployments(s.ns).Delete(ctx, "scaled", metav1.DeleteOptions{})
}

// series tells the same thing twice: one Event, with a count.
func (s *suite) series(ctx context.Context) error {
	about, err := s.client.CoreV1().ConfigMaps(s.ns).Create(ctx, configMap("told", "0"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: s.client.EventsV1()})
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(ctx.Done())
	recorder := broadcaster.NewRecorder(scheme.Scheme, "c8s.test/clients")
	told := func(enough func(e *eventsv1.Event) bool) func() bool {
		return func() bool {
			list, err := s.client.EventsV1().Events(s.ns).List(ctx, metav1.ListOptions{FieldSelector: "reason=Told"})
			return err == nil && len(list.Items) == 1 && enough(&list.Items[0])
		}
	}
	recorder.Eventf(about, nil, corev1.EventTypeNormal, "Told", "Telling", "again")
	if err = eventually(ctx, "an Event is there", told(func(e *eventsv1.Event) bool { return e.Series == nil })); err != nil {
		return err
	}
	recorder.Eventf(about, nil, corev1.EventTypeNormal, "Told", "Telling", "again")
	return eventually(ctx, "the Event has a series", told(func(e *eventsv1.Event) bool { return e.Series != nil && e.Series.Count == 2 }))
}
