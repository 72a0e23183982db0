// Package status serves what probes and monitors ask over HTTP. It is off the data path: nothing in it is
// called by a client's command or an update.
package status

import (
	"io"
	"net/http"
	"time"
)

// Bounds of a request; a probe is a line.
const (
	readTimeout    = 5 * time.Second
	writeTimeout   = 5 * time.Second
	idleTimeout    = 30 * time.Second
	maxHeaderBytes = 8 << 10
)

// Server returns a server with
//
//	/healthz  200 while the process answers
//	/readyz   200 when ready says so, 503 before
//	/metrics  the metrics as Prometheus reads them
//
// The caller gives it a listener and closes it.
func Server(ready func() bool, metrics func() []Metric) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, "loading: this node does not have the data of its peers yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(appendMetrics(nil, metrics()))
	})
	return &http.Server{
		Handler: mux, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
}
