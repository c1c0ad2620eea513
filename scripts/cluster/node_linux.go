package main

import (
	"context"

	"k8s.io/component-base/cli"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// What a real node runs (npm run cluster -- --node): Linux alone, as elsewhere neither does anything.
func init() {
	components["kubelet"] = func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) }
	components["kube-proxy"] = func() int { return cli.Run(kubeproxy.NewProxyCommand()) }
}
