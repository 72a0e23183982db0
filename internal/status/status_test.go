package status

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProbesTellHealthFromReadiness(t *testing.T) {
	ready := false
	h := Server(func() bool { return ready }, nil).Handler
	for _, c := range []struct {
		method, path string
		ready        bool
		want         int
	}{
		{"GET", "/healthz", false, http.StatusOK},
		{"GET", "/readyz", false, http.StatusServiceUnavailable},
		{"GET", "/readyz", true, http.StatusOK},
		{"POST", "/readyz", true, http.StatusMethodNotAllowed},
		{"GET", "/keys", true, http.StatusNotFound},
	} {
		ready = c.ready
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.want {
			t.Errorf("%s %s with ready=%v: %d, want %d", c.method, c.path, c.ready, w.Code, c.want)
		}
	}
}

func TestMetricsAreAsPrometheusReadsThem(t *testing.T) {
	h := Server(func() bool { return false }, func() []Metric {
		return []Metric{
			{Name: "covey_build_info", Help: "The build.", Label: "version", Text: `v1 "x"`, Value: 1},
			{Name: "covey_keys", Help: "Keys that are there.", Value: 3},
			{Name: "covey_commands_total", Help: "Commands carried out.", Count: true, Value: 1.5e9},
			{Name: "covey_lag_seconds", Help: "Lag.", Value: 0.25},
		}
	}).Handler
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	want := `# HELP covey_build_info The build.
# TYPE covey_build_info gauge
covey_build_info{version="v1 \"x\""} 1
# HELP covey_keys Keys that are there.
# TYPE covey_keys gauge
covey_keys 3
# HELP covey_commands_total Commands carried out.
# TYPE covey_commands_total counter
covey_commands_total 1.5e+09
# HELP covey_lag_seconds Lag.
# TYPE covey_lag_seconds gauge
covey_lag_seconds 0.25
`
	if got := w.Body.String(); w.Code != http.StatusOK || got != want {
		t.Errorf("%d %q, want %q", w.Code, got, want)
	}
	if got := w.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Error(got)
	}
}
