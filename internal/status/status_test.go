package status

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProbesTellHealthFromReadiness(t *testing.T) {
	ready := false
	h := Server(func() bool { return ready }).Handler
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
