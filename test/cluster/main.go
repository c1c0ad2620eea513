package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	"sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	_ = context.Background
	_ = fmt.Sprint
	_ = filepath.Base
	_ = strings.ToLower
	_ = cobra.NoArgs
	switch os.Args[1] {
	case "etcd":
		etcdmain.Main(os.Args[1:])
	case "kube-apiserver":
		os.Args = os.Args[1:]
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Args = os.Args[1:]
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Args = os.Args[1:]
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kubectl":
		os.Args = os.Args[1:]
		os.Exit(cli.Run(kubectl.NewDefaultKubectlCommand()))
	case "kwok":
		os.Args = os.Args[1:]
		flagset := pflag.NewFlagSet("global", pflag.ContinueOnError)
		flagset.ParseErrorsAllowlist.UnknownFlags = true
		flagset.Usage = func() {}
		ctx := signals.SetupSignalContext()
		ctx, _ = log.InitFlags(ctx, flagset)
		ctx, err := config.InitFlags(ctx, flagset)
		if err != nil {
			os.Exit(1)
		}
		command := kwok.NewCommand(ctx)
		command.PersistentFlags().AddFlagSet(flagset)
		if err := command.ExecuteContext(ctx); err != nil {
			os.Exit(1)
		}
	}
}
