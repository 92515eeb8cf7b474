// Command coredns is CoreDNS with the plugins that a cluster's own DNS needs and no others: the stock main package
// links the SDKs of three clouds.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"

	"github.com/coredns/coredns/coremain"
)

func main() {
	// Order matters: it is the order in which a query passes the plugins.
	dnsserver.Directives = []string{"health", "ready", "errors", "log", "cache", "template", "hosts", "kubernetes"}
	coremain.Run()
}
