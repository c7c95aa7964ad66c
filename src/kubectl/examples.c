#include "kubectl/examples.h"
#include <stddef.h>
#include <string.h>

static const struct example {
	const char *path, *text;
} examples[] = {
	{"annotate", "  # Note who cares for a Deployment\n  kubectl annotate deploy/web owner=ann@example.org\n\n  # Remove the note\n  kubectl annotate deploy/web owner-\n"},
	{"api-resources", "  # What can be listed, with short names\n  kubectl api-resources --verbs=list\n"},
	{"apply", "  # Make the objects of a file, or change them until they are as it says\n  kubectl apply -f web.yaml\n\n  # All manifests of a folder and those below it\n"
		"  kubectl apply -R -f deploy/\n\n  # Only look what the server would do\n  kubectl apply -f web.yaml --dry-run=server\n\n"
		"  # Let the server merge, so that several tools can own parts of an object\n  kubectl apply --server-side -f web.yaml\n"},
	{"attach", "  # See what a container writes from now on\n  kubectl attach web-1\n\n  # Type into a container that was started with a terminal\n  kubectl attach -it web-1\n"},
	{"auth can-i", "  # May I create Pods here?\n  kubectl auth can-i create pods\n\n  # May a service account read Secrets?\n"
		"  kubectl auth can-i get secrets --as=system:serviceaccount:default:robot\n"},
	{"config set-context", "  # Work in another namespace from now on\n  kubectl config set-context --current --namespace=web\n"},
	{"config use-context", "  # Work with another cluster from now on\n  kubectl config use-context production\n"},
	{"config view", "  # What is in use now, without secrets\n  kubectl config view --minify\n"},
	{"create", "  # Make an object of a file\n  kubectl create -f pod.yaml\n\n  # Write a manifest to start from\n  kubectl create deployment web --image=nginx --dry-run=client -o yaml\n"},
	{"create configmap", "  # Of literals\n  kubectl create configmap conf --from-literal=mode=fast\n\n  # Of a file; the key is its name\n  kubectl create configmap conf --from-file=app.ini\n"},
	{"create secret generic", "  # Of a file; the key is given\n  kubectl create secret generic db --from-file=password=./password.txt\n"},
	{"delete", "  # One Pod\n  kubectl delete pod web-1\n\n  # All that a file names\n  kubectl delete -f web.yaml\n\n  # By label, without waiting\n  kubectl delete pods -l app=web --wait=false\n"},
	{"describe", "  # Why does a Pod not start?  Look at the events below\n  kubectl describe pod web-1\n\n  # All Pods of an application\n  kubectl describe pods -l app=web\n"},
	{"exec", "  # Run a command; its exit code becomes ours\n  kubectl exec web-1 -- ls /etc\n\n  # A shell with a terminal, in one of the containers\n  kubectl exec -it web-1 -c main -- sh\n\n"
		"  # Copy a file in\n  kubectl exec -i web-1 -- sh -c 'cat > /tmp/data' < data\n\n  # In a Pod of a Deployment\n  kubectl exec deploy/web -- date\n"},
	{"get", "  # Pods, with nodes and addresses\n  kubectl get pods -o wide\n\n  # One object as YAML\n  kubectl get deployment web -o yaml\n\n  # Everything of an application, in all namespaces\n"
		"  kubectl get all -A -l app=web\n\n  # One field of each\n  kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'\n\n"
		"  # Columns of your own, sorted\n  kubectl get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName --sort-by=.spec.nodeName\n\n  # Changes as they come\n  kubectl get pods -w\n"},
	{"label", "  # Set a label\n  kubectl label pod web-1 tier=front\n\n  # Change it\n  kubectl label --overwrite pod web-1 tier=back\n\n  # Remove it from all Pods\n  kubectl label pods --all tier-\n"},
	{"logs", "  # The last lines, and what comes\n  kubectl logs -f --tail=20 web-1\n\n  # Why did it end?\n  kubectl logs -p web-1\n\n  # All containers of all Pods of an application\n"
		"  kubectl logs -l app=web --all-containers --prefix\n\n  # Of one Pod of a Deployment\n  kubectl logs deploy/web --since=1h --timestamps\n"},
	{"patch", "  # Change one field\n  kubectl patch deployment web -p '{\"spec\":{\"replicas\":3}}'\n\n  # Operations, one after another\n"
		"  kubectl patch pod web-1 --type=json -p '[{\"op\":\"remove\",\"path\":\"/metadata/labels/old\"}]'\n"},
	{"port-forward", "  # Port 8080 here becomes port 80 of a Pod\n  kubectl port-forward pod/web-1 8080:80\n\n  # A free port here, a Pod of a Service there\n  kubectl port-forward svc/web :80\n\n"
		"  # For other machines, too\n  kubectl port-forward --address 0.0.0.0 deploy/web 8080:80\n"},
	{"replace", "  # Write an object anew, as the file has it\n  kubectl replace -f pod.yaml\n"},
	{"rollout history", "  # Which revisions are there, and what was in the second?\n  kubectl rollout history deploy/web\n  kubectl rollout history deploy/web --revision=2\n"},
	{"rollout restart", "  # Restart the Pods, a few at a time\n  kubectl rollout restart deploy/web\n"},
	{"rollout status", "  # Wait until the new Pods are in service, two minutes at most\n  kubectl rollout status deploy/web --timeout=2m\n"},
	{"rollout undo", "  # Back to the revision before\n  kubectl rollout undo deploy/web\n"},
	{"run", "  # Start a Pod\n  kubectl run web --image=nginx --port=80\n\n  # A shell in the cluster that leaves nothing behind\n  kubectl run -it --rm try --image=busybox --restart=Never -- sh\n"},
	{"scale", "  # Three replicas\n  kubectl scale deploy/web --replicas=3\n\n  # Only if there are two now\n  kubectl scale deploy/web --current-replicas=2 --replicas=3\n"},
	{"wait", "  # Until a Pod is ready\n  kubectl wait --for=condition=Ready pod/web-1 --timeout=60s\n\n  # Until it is gone\n  kubectl wait --for=delete pod/web-1\n\n"
		"  # Until a field has a value\n  kubectl wait --for=jsonpath='{.status.phase}'=Running pod/web-1\n"},
};

const char *help_examples(const char *path)
{
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		if (strcmp(examples[i].path, path) == 0)
			return examples[i].text;
	return "";
}
